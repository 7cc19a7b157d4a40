use super::*;
use std::collections::BTreeMap;

/// What is made of these files, of which the first is imported.
fn import_all(files: &[(&str, &str)]) -> Result<Imported, String> {
    let known: BTreeMap<&Path, &str> =
        files.iter().map(|(name, text)| (Path::new(*name), *text)).collect();
    let open = |path: &Path| {
        known.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::Error::other("not there"))
    };
    import(Path::new(files[0].0), open).map_err(|error| error.to_string())
}

/// Checks that these lines stand in the TOML, in this order, and that it is TOML.
fn check(text: &str, lines: &[&str], passed_over: &[&str]) {
    let imported = import_all(&[("a.conf", text)]).expect(text);
    let toml = &imported.toml;
    if let Err(error) = toml.parse::<toml::Table>() {
        panic!("{error}\n{toml}");
    }
    let mut rest = toml.lines();
    for line in lines {
        assert!(rest.any(|it| it == *line), "{line} is not there, or not in this order:\n{toml}");
    }
    assert_eq!(imported.passed_over, passed_over, "{text}");
}

#[test]
fn defaults_of_momentum_are_written() {
    let tracked = [
        "tracking_domain = \"localhost:8080\"  # FILL IN: Momentum's default, which no recipient \
         reaches",
        "open_tracking = false  # Momentum's default",
        "click_tracking = false  # Momentum's default",
        "link_expiry_days = 365  # Momentum's default",
        "parts = \"top\"",
        "substitution_escapes = true",
    ];
    check("", &tracked, &[]);
}

#[test]
fn expiry_becomes_whole_days() {
    let days = |seconds: &str, wanted: &str| {
        check(&format!("tracking_link_expiry = {seconds}"), &[wanted], &[]);
    };
    days("86400", "link_expiry_days = 1");
    days("86401", "link_expiry_days = 2  # 86401 seconds, rounded up to whole days");
    days("0", "link_expiry_days = 1  # 0 seconds, rounded up to whole days");
    days("-1", "link_expiry_days = 1  # -1 seconds, rounded up to whole days");
    days(
        "9999999999999",
        "link_expiry_days = 36500  # 9999999999999 seconds are more than mailwake has",
    );
}

#[test]
fn booleans_are_read_in_each_of_their_ways() {
    for (word, wanted) in [("true", "true"), ("\"1\"", "true"), ("Yes", "true"), ("0", "false")] {
        let line = format!("click_tracking = {wanted}");
        check(&format!("Click_Tracking_Enabled = {word}"), &[&line], &[]);
    }
    let why = "a.conf:1: click_tracking_enabled: \"2\" is not \"true\" or \"false\"";
    check("click_tracking_enabled = 2", &[], &[why]);
    let why = "a.conf:1: click_tracking_enabled: has a value of one word";
    check("click_tracking_enabled = (1)", &[], &[why]);
}

#[test]
fn sockets_are_addresses() {
    let listens = |label: &str, wanted: &str| {
        let line = format!("listen = \"{wanted}\"");
        check(&format!("ESMTP_Listener {{ Listen \"{label}\" {{}} }}"), &[&line], &[]);
    };
    listens(":25", "0.0.0.0:25");
    listens("*:587", "0.0.0.0:587");
    listens("[*]:25", "[::]:25");
    listens("192.0.2.1", "192.0.2.1:25");
    listens("[2001:db8::1]", "[2001:db8::1]:25");
    listens("2001:db8::1", "[2001:db8::1]:25");
    listens("::1", "[::1]:25");
    listens("[::ffff:192.0.2.1]:25", "[::ffff:192.0.2.1]:25");
}

#[test]
fn what_stands_twice_is_told_or_added() {
    check(
        "Pathway p { open_tracking_enabled = 1 }\n\
         Pathway p { open_tracking_enabled = 0 click_tracking_enabled = 1 }\n\
         ESMTP_Listener {\n Listen \":25\" {}\n Listen \"*:25\" {}\n\
         Peer 10.0.0.1 { pathway = p }\n Peer 10.0.0.1 { pathway = p }\n}",
        &["[pathway.p]", "open_tracking = false", "click_tracking = true"],
        &[
            "a.conf:5: Listen \"*:25\": is there already",
            "a.conf:7: Peer \"10.0.0.1\": is there already",
        ],
    );
}

#[test]
fn names_are_keys_whatever_is_in_them() {
    check(
        "Pathway \"a.b \\\"c\\\" \u{7}\" { }\nESMTP_Listener { Listen \":25\" { } \
         context = [ \"a b\" = \"x\ny\" \"q'\" = 'z\"' ] }",
        &["[pathway.\"a.b \\\"c\\\" \\u0007\"]"],
        &[],
    );
}

#[test]
fn trust_is_for_named_peers() {
    let text = |listen: &str| {
        format!(
            "ESMTP_Listener {{ SMTP_Extensions = (XCLIENT) Listen \"{listen}\" {{ \
             Peer 10.0.0.0/8 {{ SMTP_Extensions = XREMOTEIP }} }} }}"
        )
    };
    let whom = "# FILL IN: whom to trust with it, besides this machine. Momentum trusts all.";
    let trusted = "xclient_from = [\"127.0.0.0/8\", \"::1\"]";
    check(&text(":25"), &[whom, trusted, "xremoteip_from = [\"10.0.0.0/8\"]"], &[]);
    let imported = import_all(&[("a.conf", &text("127.0.0.1:25"))]).expect("an import");
    assert!(imported.toml.contains(trusted) && !imported.toml.contains(whom));
}

/// Whatever a script is named, the comment says what `[policy]` would: without its # it is read.
#[test]
fn scripts_stand_in_a_comment_that_is_right() {
    let sources = ["/lua/a.lua", "/lua/b \"c\" \\ d#.lua", "/lua/\u{7}\n\u{fc}'.lua"];
    let scripts: Vec<String> = sources
        .iter()
        .map(|source| {
            let source = source.replace('\\', "\\\\").replace('"', "\\\"");
            format!("script \"s\" {{ source = \"{source}\" }}\n")
        })
        .collect();
    let text = format!("scriptlet \"scriptlet\" {{\n{}}}", scripts.concat());
    check(&text, &["# [policy]", "# scripts = [", "#   \"/lua/a.lua\",", "# ]"], &[]);
    let toml = import_all(&[("a.conf", &text)]).expect("an import").toml;
    assert!(toml.parse::<toml::Table>().expect("TOML").get("policy").is_none());
    let begin = toml.find("# [policy]").expect("the table");
    let end = begin + toml[begin..].find("\n\n").expect("its end");
    let uncommented = toml[begin..end].replace("\n# ", "\n");
    let uncommented = uncommented.strip_prefix("# ").expect("a comment");
    let policy: toml::Table = uncommented.parse().expect("TOML");
    let read: Vec<_> = policy["policy"]["scripts"].as_array().expect("scripts").iter().collect();
    assert_eq!(read, sources.map(toml::Value::from).iter().collect::<Vec<_>>());
}

#[test]
fn tls_needs_both_of_its_files() {
    let both = ["tls = \"starttls\"", "tls_certificate_file = \"/c\"", "tls_key_file = \"/k\""];
    check("ESMTP_Listener { Listen \":25\" {} tls_certificate=\"/c\" tls_key=\"/k\" }", &both, &[]);
    check(
        "ESMTP_Listener { Listen \":25\" {} tls_certificate=\"/c\" }",
        &[],
        &[
            "a.conf:1: TLS of ESMTP_Listener: mailwake needs TLS_Certificate and TLS_Key, each a file",
        ],
    );
}

#[test]
fn files_include_each_other_but_not_themselves() {
    let files = [
        ("etc/a.conf", "include \"b/b.conf\"\ninclude \"/nowhere\""),
        ("etc/b/b.conf", "include \"../a.conf\" open_tracking_enabled = 1\n\n foo = \"a\nb\""),
    ];
    let imported = import_all(&files).expect("an import");
    assert!(imported.toml.contains("\nopen_tracking = true\n"));
    let wanted = [
        "etc/a.conf:2: include \"/nowhere\": not there",
        "etc/b/b.conf:1: include \"../a.conf\": it includes itself",
        "etc/b/b.conf:3: foo: is no part of engagement tracking",
    ];
    assert_eq!(imported.passed_over, wanted);
}

#[test]
fn files_include_each_other_so_deep_and_no_deeper() {
    let names: Vec<String> = (0..12).map(|number| format!("{number}.conf")).collect();
    let texts: Vec<String> = (1..=12).map(|number| format!("include {number}.conf")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let imported = import_all(&files).expect("an import");
    let wanted = ["8.conf:1: include \"9.conf\": files include each other 8 deep at most"];
    assert_eq!(imported.passed_over, wanted);
}

#[test]
fn a_mistake_in_an_included_file_is_told() {
    let files = [("a.conf", "include b.conf"), ("b.conf", "\n a")];
    let told = import_all(&files).expect_err("a mistake");
    assert_eq!(told, "b.conf: line 2, column 3: = or { is missing behind a");
}
