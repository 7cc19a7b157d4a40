//! The last check of a copy: it is read as if it were any message, and undoing the
//! edits must give the message that came. It costs one more pass over the octets.

use mail::message::{
    edit::EditList,
    encoding::EditableBody,
    part::{Part, PartTree, split, whole},
    splice::{Splices, are_edits},
};

#[cfg(test)]
mod tests;

/// A part and what was done to its content.
pub(super) struct EditedPart<'a> {
    /// Which of the parts it is.
    pub(super) index: usize,
    /// How its body is edited.
    pub(super) body: &'a EditableBody,
    /// The edits of its content.
    pub(super) edits: EditList,
}

/// Is the copy, with these splices of the message, the message with its header and its
/// parts edited like this, and with nothing else changed?
pub(super) fn holds(
    message: &[u8],
    tree: &PartTree,
    (copy, splices): (&[u8], &Splices),
    header: &EditList,
    parts: &[EditedPart<'_>],
) -> bool {
    let of_header = splices.within(0..tree.root().header.end);
    if !splices.keep_the_rest(message, copy) || !are_edits(of_header, copy, header.iter(), 0) {
        return false;
    }
    let copy_tree = split(copy).unwrap_or_else(|_| whole(copy));
    let (before, after) = (tree.parts(), copy_tree.parts());
    let has_same_shape = before.len() == after.len()
        && before.iter().zip(after).all(|(before, after)| is_same(before, after, splices));
    if !has_same_shape {
        return false;
    }
    let mut accounted = of_header.len();
    let are_edited = parts.iter().all(|part| {
        let body = before[part.index].body.clone();
        let place = after[part.index].body.clone();
        let of_part = splices.within(body.clone());
        accounted += of_part.len();
        part.body.is_held_by((message, body), (copy, place), of_part, &part.edits)
    });
    are_edited && accounted == splices.len()
}

/// Is it the same part, at the place where the splices have moved it?
fn is_same(before: &Part, after: &Part, splices: &Splices) -> bool {
    splices.place_of(before.header.clone()) == after.header
        && splices.place_of(before.body.clone()) == after.body
        && before.is_like(after)
}
