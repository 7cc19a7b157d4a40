use super::*;
use std::collections::BTreeSet;

#[test]
fn every_language_is_told_once_and_whole() {
    let languages = languages();
    assert_eq!(languages[0].tag, "en");
    assert!(languages.len() >= 12);
    let tags: BTreeSet<_> = languages.iter().map(|one| &one.tag).collect();
    assert_eq!(tags.len(), languages.len());
    for one in &languages {
        assert_eq!(one.tag, one.tag.to_ascii_lowercase());
        for text in [&one.question, &one.explanation, &one.button, &one.done, &one.farewell] {
            assert!(!text.trim().is_empty() && text.trim() == text, "{}: {text:?}", one.tag);
        }
        let is_rtl = matches!(one.direction, Direction::Rtl);
        assert_eq!(is_rtl, ["ar", "he"].contains(&&*one.tag), "{}", one.tag);
    }
}

#[test]
fn tags_are_written_as_usual() {
    for (tag, written) in [("en", "en"), ("pt-br", "pt-BR"), ("zh-hant", "zh-Hant")] {
        assert_eq!(lang(tag), written);
    }
}
