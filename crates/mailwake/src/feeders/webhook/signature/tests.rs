use super::*;

/// The example of the specification.
#[test]
fn the_signature_is_that_of_the_specification() {
    let secrets = SigningSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("one");
    let signed =
        secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/// The values are those of the package `standardwebhooks` of PyPI.
#[test]
fn each_secret_gives_a_signature() {
    let text = " whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= \
                whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=\n";
    let secrets = SigningSecrets::parse(text).expect("two");
    assert_eq!(
        secrets.sign("018fd8a2-7b1c-5000-8000-000000000001", 1_751_500_800, b"[{\"msys\":{}}]"),
        "v1,QYArSdgqFMw9Lik1xHXbxOuw6iVWVDH5kUxXrhYwQBI= \
         v1,+vPTJd6zcDToimxZ06aQ0T0IznS7kUECnGTe1HeHeeA="
    );
    assert_eq!(format!("{secrets:?}"), "SigningSecrets(2)", "a log shows none");
}

#[test]
fn what_is_no_secret_is_told_by_its_number() {
    let check = |text: &str, right: SecretsError| {
        assert_eq!(SigningSecrets::parse(text).expect_err(text), right, "{text:?}");
    };
    check("", SecretsError::Empty);
    check(" \n", SecretsError::Empty);
    check("hunter2", SecretsError::Malformed { number: 1 });
    check("whsec_c2hvcnQ=", SecretsError::Malformed { number: 1 });
    check(
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        SecretsError::Malformed { number: 2 },
    );
    check("whsec_%%%", SecretsError::Malformed { number: 1 });
    check(&format!("whsec_{}", "AAAA".repeat(22)), SecretsError::Malformed { number: 1 });
}
