//! How deep an encoded message can nest, determined without its type.

/// Whether `bytes`, an encoded message, may hold more than `levels` nested messages.
///
/// The wire format does not distinguish a nested message from a string or packed numbers,
/// so all of these are scanned as messages: the answer may be a false `true`, but never a
/// false `false`. Each field is visited once. A level takes at least two bytes, so a
/// field that is too short for the remaining levels is not entered.
pub(super) fn may_nest_deeper(bytes: &[u8], levels: usize) -> bool {
    if bytes.len() < 2 * (levels + 1) {
        return false;
    }
    let mut fields = Fields(bytes);
    // Open groups, which are levels without a length.
    let mut open = 0;
    while let Some(field) = fields.next() {
        match field {
            Field::Scalar => {}
            Field::GroupStart if open == levels => return true,
            Field::GroupStart => open += 1,
            Field::GroupEnd if open == 0 => return false,
            Field::GroupEnd => open -= 1,
            Field::Bytes(_) if open == levels => return true,
            Field::Bytes(inner) => {
                if may_nest_deeper(inner, levels - open - 1) {
                    return true;
                }
            }
        }
    }
    false
}

enum Field<'a> {
    Scalar,
    Bytes(&'a [u8]),
    GroupStart,
    GroupEnd,
}

/// The fields of a message, up to the first malformed one.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<Field<'a>> {
        let key = self.varint()?;
        if key >> 3 == 0 || key > u64::from(u32::MAX) {
            return None;
        }
        match key & 7 {
            0 => self.varint().map(|_| Field::Scalar),
            1 => self.take(8).map(|_| Field::Scalar),
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                self.take(len).map(Field::Bytes)
            }
            3 => Some(Field::GroupStart),
            4 => Some(Field::GroupEnd),
            5 => self.take(4).map(|_| Field::Scalar),
            _ => None,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::may_nest_deeper;

    /// `levels` messages nested in a message, the innermost empty.
    fn nested(levels: usize) -> Vec<u8> {
        (0..levels).fold(vec![], |inner, _| {
            let mut outer = vec![0x0a];
            let mut len = inner.len();
            while len >= 0x80 {
                outer.push(len as u8 | 0x80);
                len >>= 7;
            }
            outer.push(len as u8);
            outer.extend(inner);
            outer
        })
    }

    fn groups(levels: usize) -> Vec<u8> {
        [vec![0x0b; levels], vec![0x0c; levels]].concat()
    }

    #[test]
    fn nesting_of_messages_and_groups_is_counted_exactly() {
        for levels in [0, 1, 2, 50, 100, 101, 300] {
            for bytes in [nested(levels), groups(levels)] {
                for limit in [0, 1, 2, 49, 50, 99, 100, 101, 299, 300] {
                    assert_eq!(may_nest_deeper(&bytes, limit), levels > limit);
                }
            }
        }
    }

    #[test]
    fn nesting_is_found_after_other_fields_and_inside_groups() {
        let mut bytes = vec![
            0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8,
        ];
        bytes.push(0x0b);
        bytes.extend(nested(9));
        bytes.push(0x0c);
        assert!(may_nest_deeper(&bytes, 9));
        assert!(!may_nest_deeper(&bytes, 10));
    }

    #[test]
    fn bytes_that_are_no_message_are_not_nested() {
        for bytes in [
            vec![0; 4096],
            vec![0xff; 4096],
            vec![0x0c; 4096],
            vec![b'a'; 4096],
        ] {
            assert!(!may_nest_deeper(&bytes, 10));
        }
    }
}
