use super::*;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

fn certificate(from: i32, until: i32) -> Vec<u8> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(from, 2, 3);
    params.not_after = date_time_ymd(until, 12, 31);
    params.self_signed(&key).expect("a certificate").der().to_vec()
}

fn check(year: i32, seconds: u64) {
    let validity = of(&certificate(year, year)).expect("a certificate");
    let since = validity.not_after.duration_since(SystemTime::UNIX_EPOCH).expect("later");
    assert_eq!(since.as_secs(), seconds, "{year}");
    let length = validity.not_after.duration_since(validity.not_before).expect("in order");
    assert_eq!(length.as_secs() / 86_400, 331, "{year}");
}

#[test]
fn both_forms_of_time_are_read() {
    check(1999, 946_598_400);
    check(2026, 1_798_675_200);
    // From 2050 on the year has four digits.
    check(2051, 2_587_593_600 - 31_536_000 + 31_536_000);
}

proptest! {
    #[test]
    fn what_is_damaged_is_no_certificate_or_another_time(
        at in 0_usize..300, octet in any::<u8>(), end in 0_usize..600,
    ) {
        let mut octets = certificate(2026, 2027);
        if let Some(place) = octets.get_mut(at) {
            *place = octet;
        }
        octets.truncate(end);
        of(&octets);
    }
}
