//! The last check of a copy: it is read as if it were any message, and undoing the
//! edits must give the message that came. It costs one more pass over the octets.

use mail::message::{
    edit::{EditList, Places},
    encoding::decode,
    part::{Part, PartTree, split, whole},
};

#[cfg(test)]
mod tests;

/// The content of a part and what was done to it.
pub(super) struct EditedPart<'a> {
    /// Which of the parts it is.
    pub(super) index: usize,
    /// Its content, as it came.
    pub(super) decoded: &'a [u8],
    /// The edits of its content.
    pub(super) edits: EditList,
}

/// Is the copy the message with these edits, and with nothing else changed? `edits` are
/// those of the octets, `parts` tell what they mean.
pub(super) fn holds(
    message: &[u8],
    tree: &PartTree,
    copy: &[u8],
    edits: EditList,
    parts: &[EditedPart<'_>],
) -> bool {
    if !edits.is_undone_to(message, copy) {
        return false;
    }
    let copy_tree = split(copy).unwrap_or_else(|_| whole(copy));
    let (before, after) = (tree.parts(), copy_tree.parts());
    let places = edits.places();
    let has_same_shape = before.len() == after.len()
        && before.iter().zip(after).all(|(before, after)| is_same(before, after, &places));
    // They may be as large as the message, and decoding takes as much once more.
    drop(edits);
    has_same_shape
        && parts.iter().all(|part| {
            let copied = &after[part.index];
            let decoded = decode(&copy[copied.body.clone()], copied.content.encoding);
            decoded.is_ok_and(|decoded| part.edits.is_undone_to(part.decoded, &decoded))
        })
}

/// Is it the same part, at the place where the edits have moved it?
fn is_same(before: &Part, after: &Part, places: &Places<'_>) -> bool {
    let expected = Part {
        header: places.of(before.header.clone()),
        body: places.of(before.body.clone()),
        ..before.clone()
    };
    expected == *after
}
