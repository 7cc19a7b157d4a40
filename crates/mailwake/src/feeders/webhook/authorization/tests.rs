use super::*;

fn secret(text: &str) -> Secret {
    text.as_bytes().to_vec().into()
}

fn fixed(authorization: Authorization) -> String {
    let Authorization::Fixed(value) = authorization else { panic!("{authorization:?}") };
    assert!(value.is_sensitive() && format!("{value:?}") == "Sensitive");
    value.to_str().expect("ASCII").to_owned()
}

/// The examples of RFC 7617 §2 and RFC 6750 §2.1.
#[test]
fn fields_are_those_of_the_rfcs() {
    let basic = Authorization::basic("Aladdin", &secret("open sesame"));
    assert_eq!(fixed(basic), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let bearer = Authorization::bearer(&secret("mF_9.B5f-4.1JqM")).expect("a token");
    assert_eq!(fixed(bearer), "Bearer mF_9.B5f-4.1JqM");
    assert!(Authorization::bearer(&secret("two\r\nlines")).is_err());
}

fn request(authentication: ClientAuthentication) -> TokenRequest {
    TokenRequest {
        url: "https://id.example/token".parse().expect("a URL"),
        client_id: "s6BhdR kqt3".into(),
        client_secret: secret("7Fjfp0:ZBr1/KtD&é"),
        authentication,
        parameters: vec![("scope".into(), "events.write a b".into())],
    }
}

#[test]
fn a_token_is_asked_for_by_a_form() {
    let (form, field) = request(ClientAuthentication::Basic).form();
    assert_eq!(form, "grant_type=client_credentials&scope=events.write+a+b");
    let pair = "s6BhdR+kqt3:7Fjfp0%3AZBr1%2FKtD%26%C3%A9";
    let right = format!("Basic {}", STANDARD.encode(pair));
    assert_eq!(field.expect("a field").to_str().expect("ASCII"), right);
    let (form, field) = request(ClientAuthentication::Body).form();
    assert_eq!(
        form,
        "grant_type=client_credentials&scope=events.write+a+b&client_id=s6BhdR+kqt3\
         &client_secret=7Fjfp0%3AZBr1%2FKtD%26%C3%A9"
    );
    assert_eq!(field, None);
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", Authorization::Token(request(ClientAuthentication::Basic)));
    assert!(!shown.contains("7Fjfp0"), "{shown}");
    let token = Token::read(br#"{"access_token":"2YotnFZFE"}"#, Instant::now()).expect("a token");
    assert!(!format!("{token:?}").contains("2Yotn"), "{token:?}");
}

#[test]
fn a_token_is_used_until_shortly_before_its_end() {
    let start = Instant::now();
    let check = |answer: &str, seconds: Option<u64>| {
        let token = Token::read(answer.as_bytes(), start).expect(answer);
        assert_eq!(token.field, "Bearer 2YotnFZFE", "{answer}");
        let at = |seconds| start + Duration::from_secs(seconds);
        match seconds {
            None => assert!(token.is_good(at(1_000_000)), "{answer}"),
            Some(seconds) => {
                assert!(token.is_good(at(seconds - 1)) && !token.is_good(at(seconds)), "{answer}");
            }
        }
    };
    check(r#"{"access_token":"2YotnFZFE","token_type":"bearer","expires_in":3600}"#, Some(3_570));
    check(r#"{"access_token":"2YotnFZFE","expires_in":"3600","scope":"a"}"#, Some(3_570));
    check(r#"{"access_token":"2YotnFZFE","token_type":"Bearer","expires_in":20}"#, Some(10));
    check(r#"{"access_token":"2YotnFZFE","token_type":"Bearer"}"#, None);
    check(r#"{"access_token":"2YotnFZFE","expires_in":18446744073709551615}"#, None);
    check(r#"{"access_token":"2YotnFZFE","expires_in":-4}"#, None);
}

#[test]
fn what_is_no_token_is_refused() {
    let check = |answer: &str, right: TokenError| {
        let read = Token::read(answer.as_bytes(), Instant::now());
        assert_eq!(read.expect_err(answer), right, "{answer}");
    };
    check("", TokenError::Malformed);
    check("<html>", TokenError::Malformed);
    check(r#"{"access_token":7}"#, TokenError::Malformed);
    check(r#"{"access_token":"a\nb"}"#, TokenError::Octets);
    check(r#"{"access_token":"a","token_type":"mac"}"#, TokenError::Type("mac".into()));
}

#[test]
fn a_refusal_is_told_by_its_name_alone() {
    let check = |answer: &str, right: Option<&str>| {
        assert_eq!(error_of(answer.as_bytes()).as_deref(), right, "{answer}");
    };
    check(
        r#"{"error":"invalid_client","error_description":"of s6BhdRkqt3"}"#,
        Some("invalid_client"),
    );
    check(r#"{"error":"Secret hunter2 is wrong"}"#, None);
    check("not found", None);
}
