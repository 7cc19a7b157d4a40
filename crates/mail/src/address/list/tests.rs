use super::*;

#[test]
fn names_and_comments_are_no_part_of_an_address() {
    check("Ann <ann@example.com>", &["ann@example.com"]);
    check(
        "\"Bo, the second\" <bo@example.com>, cy@example.com (Cy)",
        &["bo@example.com", "cy@example.com"],
    );
    check("ann (with (nested) @ words) @ example.com", &["ann@example.com"]);
    check("\"a b\"@example.com", &["\"a b\"@example.com"]);
    check("=?UTF-8?B?w7Y=?= <o@example.com>", &["o@example.com"]);
}

#[test]
fn members_of_groups_are_addresses() {
    check(
        "Friends: ann@example.com, Bo <bo@example.com>; cy@example.com",
        &["ann@example.com", "bo@example.com", "cy@example.com"],
    );
    check("undisclosed-recipients:;", &[]);
}

#[test]
fn a_source_route_is_left_out() {
    check("<@a.example,@b.example:ann@example.com>", &["ann@example.com"]);
}

#[test]
fn what_is_no_address_is_passed_over() {
    check("", &[]);
    check("ann, @, <>, @example.com, bo@, cy@example.com", &["cy@example.com"]);
    check("\"never closed <ann@example.com>", &[]);
    check("ann@example.com (never closed, bo@example.com", &["ann@example.com"]);
}

#[test]
fn a_list_without_an_end_has_its_limit() {
    assert_eq!(addresses(&"a@b,".repeat(5_000)).len(), ADDRESSES_MAX);
}

#[track_caller]
fn check(value: &str, wanted: &[&str]) {
    assert_eq!(addresses(value), wanted);
}
