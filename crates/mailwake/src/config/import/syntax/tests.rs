use super::*;

/// A configuration as its statements would be written in one way.
fn check(text: &str, wanted: &str) {
    let statements = parse(text, 0).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(written(&statements), wanted, "{text}");
}

fn check_wrong(text: &str, wanted: &str) {
    assert_eq!(parse(text, 0).expect_err(text).to_string(), wanted, "{text}");
}

fn written(statements: &[Statement]) -> String {
    let one = |Statement { name, content, .. }: &Statement| match content {
        Content::Option(value) => format!("{name}={}", value_written(value)),
        Content::Stanza { label: None, body } => format!("{name}{{{}}}", written(body)),
        Content::Stanza { label: Some(label), body } => {
            format!("{name}:{label:?}{{{}}}", written(body))
        }
        Content::Include(file) => format!("<{file}>"),
    };
    statements.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn value_written(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::List(values) => {
            format!("({})", values.iter().map(value_written).collect::<Vec<_>>().join(" "))
        }
        Value::Dictionary(entries) => {
            let one = |(key, value): &(String, Value)| format!("{key}={}", value_written(value));
            format!("[{}]", entries.iter().map(one).collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn options_and_stanzas_are_read() {
    check("", "");
    check("a=1\nb = two;c=\"3 4\"", r#"a="1" b="two" c="3 4""#);
    check("A {}", "A{}");
    check("Listen \"[::1]:25\" { x=1 }", r#"Listen:"[::1]:25"{x="1"}"#);
    check("Peer 10.0.0.0/8 { }", r#"Peer:"10.0.0.0/8"{}"#);
    check("node node1.lan{a=1;;b=2}", r#"node:"node1.lan"{a="1" b="2"}"#);
    check("\u{feff}a=1", r#"a="1""#);
}

#[test]
fn comments_reach_to_the_end_of_their_line() {
    check("# a = 1\nb=2 # c=3\r\nd=\"#4\"#5", r##"b="2" d="#4""##);
    check("a # b\n= # c\n1", r#"a="1""#);
}

#[test]
fn lists_and_dictionaries_lie_in_each_other() {
    check("a = (XCLIENT \"b c\", d)", r#"a=("XCLIENT" "b c" "d")"#);
    check("a=()b=[]", "a=() b=[]");
    check("a=[ k=v; \"x y\"='z' l=(1 2) ]", r#"a=[k="v" x y="z" l=("1" "2")]"#);
}

#[test]
fn quotes_keep_what_stands_in_them() {
    check(r#"a="say \"hi\" \\ \d+""#, r#"a="say \"hi\" \\ \\d+""#);
    check("a='it is \"so\"'", r#"a="it is \"so\"""#);
    check("a=\"two\nlines\" b=1", "a=\"two\\nlines\" b=\"1\"");
}

#[test]
fn includes_name_a_file() {
    check("include \"a.conf\" ReadOnly_Include b.conf", "<a.conf> <b.conf>");
    check("include { a=1 }", r#"include{a="1"}"#);
}

#[test]
fn mistakes_are_told_with_their_place() {
    check_wrong("a", "line 1, column 2: = or { is missing behind a");
    check_wrong(
        "ä ö = 1",
        "line 1, column 1: ä \"ö\" is no stanza, which has { next, and no \
         option, which has = before its value",
    );
    check_wrong("a = \n }", "line 2, column 2: a value is missing before '}'");
    check_wrong("a {\n b = 1\n", "line 1, column 1: the { of a is not closed");
    check_wrong("= 1", "line 1, column 1: the name of an option or stanza is missing before '='");
    check_wrong("a = (1", "line 1, column 5: this ( is not closed");
    check_wrong("a = [1]", "line 1, column 7: = is missing behind 1");
    check_wrong("a = (]", "line 1, column 6: a value is missing before ']'");
    check_wrong(
        "a=1\u{0}",
        "line 1, column 4: the name of an option or stanza is missing before '\\0'",
    );
}

#[test]
fn nothing_lies_too_deep_or_is_too_large() {
    let deep = |depth: usize| format!("{}{}", "a{".repeat(depth), "}".repeat(depth));
    assert!(parse(&deep(DEPTH_MAX), 0).is_ok());
    let wanted = "line 1, column 66: nothing lies deeper than 32 brackets";
    check_wrong(&deep(DEPTH_MAX + 1), wanted);
    check_wrong(
        &format!("a={}", "(".repeat(40)),
        "line 1, column 35: nothing lies deeper than 32 brackets",
    );
    assert!(parse(&" ".repeat(FILE_OCTETS_MAX + 1), 0).is_err());
}
