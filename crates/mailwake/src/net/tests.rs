use super::*;
use std::net::{Ipv4Addr, TcpStream};

#[test]
fn listeners_share_a_port() {
    let listeners = listen((Ipv4Addr::LOCALHOST, 0).into(), 3).expect("bound");
    let addresses: Vec<_> = listeners.iter().map(|one| one.local_addr().expect("bound")).collect();
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|address| *address == addresses[0] && address.port() != 0));
    TcpStream::connect(addresses[0]).expect("somebody listens");
}

#[test]
fn a_taken_port_is_told() {
    // Without SO_REUSEPORT, so that nobody can share it.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let refused = listen(taken.local_addr().expect("bound"), 2).expect_err("taken");
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn open_files_go_up_to_what_is_allowed() {
    let limit = raise_open_files_limit().expect("raised");
    assert_eq!(getrlimit(Resource::Nofile).current, limit);
}
