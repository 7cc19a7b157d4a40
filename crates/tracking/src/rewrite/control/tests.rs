use super::*;

fn control(words: &[(&str, &str)]) -> LinkControl {
    let mut control = LinkControl::default();
    for (name, value) in words {
        control.take(name.as_bytes(), || Some((*value).to_owned()));
    }
    control
}

fn check_name(value: &str, expected: Option<&str>) {
    assert_eq!(control(&[("data-msys-linkname", value)]).name.as_deref(), expected);
}

fn check_sublink(value: &str, expected: Option<&str>) {
    assert_eq!(control(&[("data-msys-sublink", value)]).sublink.as_deref(), expected);
}

#[test]
fn link_opts_out_with_the_right_value() {
    for (name, off) in [
        ("data-msys-clicktrack", "0"),
        ("Data-MSYS-ClickTrack", " 0 "),
        ("clicktracking", "OFF"),
        ("disable-tracking", "true"),
        ("mc:disable-tracking", ""),
        ("data-pm-no-track", "x"),
        ("ses:no-track", ""),
    ] {
        assert!(control(&[(name, off)]).is_opted_out, "{name}={off}");
    }
    for (name, on) in [
        ("data-msys-clicktrack", "1"),
        ("data-msys-clicktrack", ""),
        ("clicktracking", "on"),
        ("disable-tracking", "false"),
        ("ses:tags", "a:b"),
        ("track", "0"),
    ] {
        assert!(!control(&[(name, on)]).is_opted_out, "{name}={on}");
    }
}

#[test]
fn unsubscribe_is_said_with_1() {
    assert!(control(&[("data-msys-unsubscribe", "1")]).is_unsubscribe);
    assert!(!control(&[("data-msys-unsubscribe", "0")]).is_unsubscribe);
}

#[test]
fn name_is_cut_between_characters() {
    check_name("banner", Some("banner"));
    check_name(&"é".repeat(32), Some(&"é".repeat(31)));
    check_name(" ", None);
}

#[test]
fn first_name_counts() {
    let control = control(&[("data-msys-linkname", "a"), ("data-msys-linkname", "b")]);
    assert_eq!(control.name.as_deref(), Some("a"));
}

#[test]
fn sublink_is_a_path() {
    check_sublink("open-in-app", Some("open-in-app"));
    check_sublink("/a/b_c.d~/", Some("a/b_c.d~"));
    for wrong in ["", "/", "a//b", "a/../b", ".", "a b", "a?b", "a%2fb", "é", &"x".repeat(129)] {
        check_sublink(wrong, None);
    }
}
