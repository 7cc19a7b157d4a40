//! The MIME splitter: any octets are a message, its parts are ranges of it, each within
//! the multipart that holds it and none over another.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::message::part::{DEPTH_MAX, PARTS_MAX, Part, PartTree, split, whole};

fuzz_target!(|message: &[u8]| {
    check_whole(message);
    let Ok(tree) = split(message) else { return };
    assert!(tree.parts().len() <= PARTS_MAX);
    for (index, part) in tree.parts().iter().enumerate() {
        check_part(message, part);
        assert_eq!(tree.path(index).split('.').count(), part.depth + 1);
        assert_eq!(tree.ancestors(index).count(), part.depth);
    }
    check_order(&tree);
});

fn check_whole(message: &[u8]) {
    let tree = whole(message);
    assert_eq!(tree.parts().len(), 1);
    check_part(message, tree.root());
    assert_eq!((tree.root().header.start, tree.root().body.end), (0, message.len()));
}

fn check_part(message: &[u8], part: &Part) {
    assert!(part.header.start <= part.header.end);
    assert!(part.header.end <= part.body.start);
    assert!(part.body.start <= part.body.end);
    assert!(part.body.end <= message.len());
    assert!(part.depth <= DEPTH_MAX);
    let between = &message[part.header.end..part.body.start];
    let is_blank_line = matches!(between, b"\r\n" | b"\n");
    assert_eq!(part.has_blank_line, is_blank_line);
    assert!(is_blank_line || between.is_empty());
}

/// The parts of a multipart stand in its body, numbered, one behind the other.
fn check_order(tree: &PartTree) {
    let mut last: Vec<Option<(usize, usize)>> = vec![None; tree.parts().len()];
    for part in tree.parts() {
        let Some(parent) = part.parent else { continue };
        let outer = &tree.parts()[parent];
        assert!(outer.is_split && outer.content.media_type.is_multipart());
        assert!(outer.body.start <= part.header.start && part.body.end <= outer.body.end);
        let (number, end) = last[parent].unwrap_or((0, outer.body.start));
        assert_eq!(part.number, number + 1);
        assert!(end <= part.header.start);
        last[parent] = Some((part.number, part.body.end));
    }
}
