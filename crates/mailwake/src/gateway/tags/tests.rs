use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).into()).collect()
}

#[test]
fn tags_beyond_the_hundredth_are_ignored() {
    let tags = Tags::known((0..98).map(|number| number.to_string()));
    let mut said = texts(&["a", "0", "b", "c", "a"]);
    assert_eq!(tags.admit(&mut said), 1);
    assert_eq!(said, texts(&["a", "0", "b", "a"]));
    let mut later = texts(&["97", "d", "b"]);
    assert_eq!(tags.admit(&mut later), 1);
    assert_eq!(later, texts(&["97", "b"]));
}

#[test]
fn surplus_of_what_was_known_is_forgotten() {
    let tags = Tags::known((0..200).map(|number| number.to_string()));
    assert_eq!(tags.admit(&mut texts(&["0", "99", "100"])), 1);
}
