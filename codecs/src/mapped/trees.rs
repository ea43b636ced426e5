//! What rkyv leaves unchecked of B-trees.
//!
//! Iterating goes down to the first leaf through the first child of every inner
//! node, and reads the first entry of that leaf. rkyv 0.8.18 asks neither whether
//! there is such a child nor whether the leaf has an entry, and validation, which
//! checks as many entries as a leaf says that it has, accepts both. No tree that
//! rkyv writes has a leaf without entries or an inner node without a first child.

use super::numbers;

/// Why a node of a B-tree is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadNode {
    #[error("a leaf of a B-tree has no entries")]
    EmptyLeaf,
    #[error("an inner node of a B-tree has no first child")]
    NoFirstChild,
}

/// The kinds of nodes, as their first byte says.
const LEAF: u8 = 0;
const INNER: u8 = 1;

/// The offset of a relative pointer that points to nothing.
const NOTHING: isize = 1;

/// Checks a node that rkyv has found to lie in the archive. It begins with what
/// leaves and inner nodes share: their kind and the room for entries. Behind that,
/// a leaf has the number of its entries, and an inner node its children.
pub(super) fn check_node(node: &[u8], shared_part: usize) -> Result<(), BadNode> {
    let at = shared_part.next_multiple_of(numbers::ALIGN);
    match node.first() {
        Some(&LEAF) if numbers::length(node, at) == Some(0) => Err(BadNode::EmptyLeaf),
        Some(&INNER) if numbers::offset(node, at) == Some(NOTHING) => Err(BadNode::NoFirstChild),
        _ => Ok(()),
    }
}
