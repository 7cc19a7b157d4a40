use super::*;

fn findings(text: &str, read: impl FnOnce(&Section<'_>)) -> Vec<String> {
    let table: Table = text.parse().expect("TOML");
    let findings = Findings::default();
    read(&Section::root(&table, &findings));
    findings.mistakes().iter().map(ToString::to_string).collect()
}

#[test]
fn whole_numbers_stay_in_their_range() {
    let read = |root: &Section<'_>| assert_eq!(root.integer("n", 5, 1..=9, "apples"), 5);
    assert_eq!(findings("", read), Vec::<String>::new());
    for wrong in ["0", "10", "-1", "1.5", "\"3\"", "true"] {
        let told = format!("n = {wrong}: must be a whole number of apples from 1 to 9");
        assert_eq!(findings(&format!("n = {wrong}"), read), [told]);
    }
}

#[test]
fn numbers_and_words_are_chosen() {
    let choices = [("302", 'a'), ("307", 'b')];
    findings("x = 307", |root| assert_eq!(root.choice("x", &choices), 'b'));
    findings("x = \"307\"", |root| assert_eq!(root.choice("x", &choices), 'b'));
    findings("", |root| assert_eq!(root.choice("x", &choices), 'a'));
}

#[test]
fn table_in_place_of_a_key_and_the_other_way_round() {
    assert_eq!(findings("x = 1", |root| drop(root.section("x"))), ["x = 1: must be a table: [x]"]);
    let told = findings("[x]\ny = 1", |root| assert!(!root.boolean("x", false)));
    assert_eq!(told, ["x = { y = 1 }: must be true or false"]);
}

#[test]
fn unknown_key_gets_its_nearest_name() {
    let read = |root: &Section<'_>| assert!(root.boolean("open_tracking", true));
    assert_eq!(
        findings("open_traking = true", read),
        ["open_traking = true: is no key of mailwake; did you mean \"open_tracking\"?"]
    );
    assert_eq!(
        findings("colour = 1", read),
        ["colour = 1: is no key of mailwake; known here are open_tracking"]
    );
}

#[test]
fn each_wrong_value_of_a_list_is_told() {
    let read = |root: &Section<'_>| {
        assert_eq!(root.list::<u8>("l", "must be small"), [1]);
    };
    let told = findings("l = [\"1\", \"256\", 2]", read);
    assert_eq!(told, ["l = \"256\": must be small", "l = 2: must be small"]);
    let told = findings("l = 1", |root| assert!(root.list::<u8>("l", "must be small").is_empty()));
    assert_eq!(told, ["l = 1: must be a list; each of it must be small"]);
}
