use super::*;

fn check(line: &str, wanted: &str) {
    let table: Table = line.parse().expect("TOML");
    let (key, value) = table.iter().next().expect("a key");
    assert_eq!(shown(&format!("feeder.a.{key}"), value), wanted, "{line}");
}

#[test]
fn what_may_be_a_secret_is_not_shown() {
    for key in [
        "api_key",
        "apikey",
        "api_keys_file",
        "api_key_variable",
        "signing_secret",
        "client-secret",
        "pasword",
        "passwort_file",
        "token",
        "webhook_tokens",
        "Authorization",
        "authorisation",
    ] {
        check(&format!("{key} = \"s3cr3t\""), "\"***\"");
        check(&format!("{key} = [\"s3cr3t\", 7]"), "[\"***\", \"***\"]");
    }
    check("headers = { X-Of-Ours = \"s3cr3t\" }", "{ X-Of-Ours = \"***\" }");
    check(
        "clients = [{ password = \"s3cr3t\", name = \"a\" }]",
        "[{ name = \"a\", password = \"***\" }]",
    );
    check("url = \"https://ann:s3cr3t@a.example/b@c\"", "\"https://***@a.example/b@c\"");
}

#[test]
fn what_is_none_is_shown() {
    check("password_file = \"/etc/mailwake/password\"", "\"/etc/mailwake/password\"");
    check("api_key_file = \"\"", "\"\"");
    check("message_key_days = -1", "-1");
    check("cassandra_keyspace = \"a; DROP\"", "\"a; DROP\"");
    check("url = \"http://a.example/b@c\"", "\"http://a.example/b@c\"");
    check("servers = [7]", "[7]");
    check("token = true", "true");
}

#[test]
fn line_with_a_secret_is_not_shown_where_it_is_no_toml() {
    let told = |text: &str| syntax(&text.parse::<Table>().expect_err("no TOML"), text);
    for line in ["password = \"s3cr3t", "headers = { X-Key = s3cr3t }", "api-key = s3cr3t"] {
        let told = told(&format!("[a]\n{line}\n"));
        assert!(told.contains("line 2") && !told.contains("s3cr3t"), "{told}");
    }
    assert!(told("[a]\nlisten = 127.0.0.1:25\n").contains("listen = 127.0.0.1:25"));
}
