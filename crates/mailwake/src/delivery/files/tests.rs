use super::*;

#[test]
fn patterns_match_as_shells_do() {
    let check = |name: &str, pattern: &str, wanted: bool| {
        assert_eq!(matches(name, pattern), wanted, "{name} {pattern}");
    };
    check("acct.csv", "acct*.csv", true);
    check("acct-2026-11-22.csv", "acct*.csv", true);
    check("acct.csv.gz", "acct*.csv", false);
    check("acct.csv", "acct?csv", true);
    check("acctcsv", "acct?csv", false);
    check("aXbXc", "a*b*c", true);
    check("aXbX", "a*b*c", false);
    check("", "*", true);
    check("abab", "*ab", true);
}

#[test]
fn path_says_what_it_is() {
    let place = |path: &str| path.parse::<Place>().expect("any text is one");
    assert_eq!(place("/var/log/mail.log"), Place::File("/var/log/mail.log".into()));
    let pattern = Place::Pattern { folder: "/var/log".into(), name: "acct*.csv".into() };
    assert_eq!(place("/var/log/acct*.csv"), pattern);
}

#[test]
fn folder_that_is_not_there_is_told() {
    let missing = Place::Pattern { folder: "/nonexistent".into(), name: "*".into() };
    assert!(missing.list(false).is_err());
    let file: Place = "/nonexistent/mail.log".parse().expect("a path");
    assert!(file.list(false).expect("it may come").is_empty());
}
