use super::*;
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};

#[test]
fn listeners_share_a_port() {
    let bound = bind_shared((Ipv4Addr::LOCALHOST, 0).into(), 3).expect("bound");
    let listeners = bound.listen().expect("they listen");
    let addresses: Vec<_> = listeners.iter().map(|one| one.local_addr().expect("bound")).collect();
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|address| *address == addresses[0] && address.port() != 0));
    TcpStream::connect(addresses[0]).expect("somebody listens");
}

#[test]
fn a_taken_port_is_told() {
    // Without SO_REUSEPORT, so that nobody can share it.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let address = taken.local_addr().expect("bound");
    for refused in [bind(address), bind_shared(address, 2)] {
        assert_eq!(refused.expect_err("taken").kind(), io::ErrorKind::AddrInUse);
    }
}

#[test]
fn both_families_may_have_a_port_each() {
    let v4 = bind((Ipv4Addr::UNSPECIFIED, 0).into()).expect("bound");
    let v4_address = v4.address();
    let _listeners = v4.listen().expect("it listens");
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, v4_address.port()));
    let refused = bind_beside(v6, &[v6]).expect_err("it is one for both");
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    let beside = bind_beside(v6, &[v4_address, v6]).expect("bound");
    assert_eq!(beside.address(), v6);
    beside.listen().expect("it listens");
}

#[test]
fn who_connects_before_it_listens_is_refused() {
    let bound = bind((Ipv4Addr::LOCALHOST, 0).into()).expect("bound");
    let address = bound.address();
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let _listeners = bound.listen().expect("it listens");
    TcpStream::connect(address).expect("somebody listens");
}

#[test]
fn open_files_go_up_to_what_is_allowed() {
    let limit = raise_open_files_limit().expect("raised");
    assert_eq!(getrlimit(Resource::Nofile).current, limit);
}
