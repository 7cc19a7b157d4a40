use super::*;

/// The link that the Go reference's own documentation shows.
const DOCUMENTED: &str = "eJxUzLEOQiEMRuF3-WciGAaTTr4JwbaIUSKBMhnf_Ybxnv18P2Q2EBgOltb4gFDN-iTvraotfs8Lfxsc2nyml4AQdqJZHqqlhCDXGG9wGNw3VYbK_fT-jwAAAP__f2Mg1g==";
const DOCUMENTED_JSON: &str = r#"{"act":"c","t_url":"https://thetucks.com","msg_id":"00000deadbeeff00d1337","rcpt":"fred@thetucks.com"}"#;

#[test]
fn documented_link_is_read() {
    let (json, link) = decode(DOCUMENTED).expect("a link");
    assert_eq!(json, DOCUMENTED_JSON);
    assert_eq!((link.act.as_str(), link.t_url.as_str()), ("c", "https://thetucks.com"));
}

#[test]
fn padding_may_be_missing() {
    assert!(decode(DOCUMENTED.trim_end_matches('=')).is_ok());
}

#[test]
fn written_link_is_read_again() {
    let link = LegacyLink {
        act: "c".into(),
        t_url: "https://shop.example/?a=1&b=<2>".into(),
        msg_id: "0000".into(),
        rcpt: "ann@example.com".into(),
    };
    let (json, read) = decode(&encode(&link)).expect("a link");
    assert_eq!(read, link);
    assert!(json.contains(r"?a=1\u0026b=\u003c2\u003e"), "{json}");
}

#[test]
fn bomb_is_cut_off() {
    let mut deflated = Vec::with_capacity(1 << 20);
    Compress::new(Compression::best(), true)
        .compress_vec(&vec![b' '; 100 << 20], &mut deflated, FlushCompress::Finish)
        .expect("compress");
    let token = general_purpose::URL_SAFE.encode(deflated);
    assert!(matches!(decode(&token), Err(LegacyError::Zlib)));
}

#[test]
fn malformed_links_are_refused_with_the_reason() {
    assert!(matches!(decode("@@@"), Err(LegacyError::Base64(_))));
    assert!(matches!(decode("AAAA"), Err(LegacyError::Zlib)));
    assert!(matches!(decode(""), Err(LegacyError::Zlib)));
}
