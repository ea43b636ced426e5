//! The checks of B-trees that rkyv omits.
//!
//! Iteration descends through the first child of each inner node to the first leaf, and
//! reads that leaf's first entry. rkyv 0.8.18 checks neither that the child exists nor
//! that the leaf has an entry. Validation checks as many entries as a leaf claims to
//! have, so it accepts both. No tree that rkyv writes has a leaf without entries or an
//! inner node without a first child.

use super::numbers;

/// Why a node of a B-tree is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadNode {
    #[error("a leaf of a B-tree has no entries")]
    EmptyLeaf,
    #[error("an inner node of a B-tree has no first child")]
    NoFirstChild,
}

/// The kinds of nodes, in their first byte.
const LEAF: u8 = 0;
const INNER: u8 = 1;

/// The offset of a null relative pointer.
const NOTHING: isize = 1;

/// Checks a node that rkyv has found to lie within the archive. Leaves and inner nodes
/// begin with a shared part: the kind and the space for entries. After it, a leaf has its
/// number of entries, and an inner node its children.
pub(super) fn check_node(node: &[u8], shared_part: usize) -> Result<(), BadNode> {
    let at = shared_part.next_multiple_of(numbers::ALIGN);
    match node.first() {
        Some(&LEAF) if numbers::length(node, at) == Some(0) => Err(BadNode::EmptyLeaf),
        Some(&INNER) if numbers::offset(node, at) == Some(NOTHING) => Err(BadNode::NoFirstChild),
        _ => Ok(()),
    }
}
