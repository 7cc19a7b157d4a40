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

#[test]
fn key_is_read_from_the_nearest_table_that_has_it() {
    let text = "a = 1\nb = 1\nc = 1\nd = 0\n[x]\nb = 2\nc = 2\n[x.y]\nc = 3\n[x.y.z]\n";
    let told = findings(text, |root| {
        root.integer("d", 1, 1..=9, "apples");
        let x = root.section("x").over(root, &[]);
        let y = x.section("y").over(&x, &["b"]);
        let z = y.section("z").over(&y, &["b"]);
        let read = |section: &Section<'_>| {
            ["a", "b", "c", "d"].map(|name| section.integer(name, 7, 1..=9, "apples"))
        };
        assert_eq!(read(&x), [1, 2, 2, 7]);
        assert_eq!(read(&y), [1, 7, 3, 7]);
        assert_eq!(read(&z), [1, 7, 3, 7]);
        assert_eq!(["a", "b", "c"].map(|name| z.path_of(name)), ["a", "x.y.z.b", "x.y.c"]);
        for name in ["a", "b", "c"] {
            root.integer(name, 7, 1..=9, "apples");
        }
    });
    // Read four times, and wrong once.
    assert_eq!(told, ["d = 0: must be a whole number of apples from 1 to 9"]);
}

#[test]
fn tables_inside_a_table_have_their_names() {
    let told = findings("[in.a]\nn = 1\n[in.b]\n[in]\nc = 5\n", |root| {
        let inside = root.sections_over("in", root, &[]);
        let read = |(name, section): &(&str, Section<'_>)| {
            format!("{name}{}", section.integer("n", 7, 1..=9, "apples"))
        };
        assert_eq!(inside.iter().map(read).collect::<Vec<_>>(), ["a1", "b7", "c7"]);
    });
    assert_eq!(told, ["in.c = 5: must be a table: [in.c]"]);
    assert_eq!(
        findings("in = 1", |root| assert!(root.sections_over("in", root, &[]).is_empty())),
        ["in = 1: must be a table: [in]"]
    );
}

#[test]
fn table_of_texts_has_names_of_the_operators_choice() {
    let read = |root: &Section<'_>| root.map::<u8, u16>("m", ("must be a digit", "must be small"));
    let told =
        findings("m = { 1 = \"2\", 3 = \"4\" }", |root| assert_eq!(read(root), [(1, 2), (3, 4)]));
    assert_eq!(told, Vec::<String>::new());
    let told = findings("m = { 1 = 2, \"a b\" = \"4\", c = \"x\" }", |root| {
        assert_eq!(read(root), []);
    });
    assert_eq!(
        told,
        [
            "m.1 = 2: must be small",
            "m.\"a b\" = \"4\": its name must be a digit",
            "m.c = \"x\": its name must be a digit",
            "m.c = \"x\": must be small",
        ]
    );
    assert_eq!(findings("m = 1", |root| drop(read(root))), ["m = 1: must be a table: [m]"]);
}
