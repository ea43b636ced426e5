//! Numbers that take as few bytes as they need.

/// Appends a number, with seven bits in each byte, the lowest ones first.
pub(super) fn push(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the bytes. `None` if they end before it does, or if it is not encoded
/// as [`push`] does.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let (mut number, mut shift) = (0_u32, 0_u32);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u32::from(*byte & 0x7f);
        // The fifth byte has four bits of the 32.
        if shift > 28 || (shift == 28 && bits > 0xf) {
            return None;
        }
        number |= bits.wrapping_shl(shift);
        if *byte & 0x80 == 0 {
            let is_shortest = *byte != 0 || shift == 0;
            return is_shortest.then_some(number);
        }
        shift = shift.saturating_add(7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        let powers = (0..32).map(|bit| 1_u32 << bit);
        let around = powers.flat_map(|power| [power.wrapping_sub(1), power, power | 1]);
        for number in around.chain([0, u32::MAX]) {
            let mut bytes = Vec::new();
            push(number, &mut bytes);
            let bits = 32 - number.leading_zeros();
            assert_eq!(bytes.len() as u32, bits.div_ceil(7).max(1), "{number}");
            bytes.push(9);
            let mut rest = &*bytes;
            assert_eq!(take(&mut rest), Some(number));
            assert_eq!(rest, [9]);
        }
    }

    #[test]
    fn a_number_has_one_encoding() {
        for wrong in [
            &[][..],
            &[0x80],
            &[0x80, 0],
            &[0xff, 0x80, 0],
            &[0xff; 4],
            &[0xff, 0xff, 0xff, 0xff, 0x1f],
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            &[0xff; 9],
        ] {
            assert_eq!(take(&mut { wrong }), None, "{wrong:?}");
        }
        assert_eq!(
            take(&mut &[0xff, 0xff, 0xff, 0xff, 0xf][..]),
            Some(u32::MAX)
        );
    }
}
