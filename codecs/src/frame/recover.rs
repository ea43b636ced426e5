//! The checksum of a payload, from the checksum of its footer.
//!
//! A CRC maps the values of any four adjacent bytes one to one to its results, if all other
//! bytes are known. So of a footer that is known but for the checksum of the payload, its own
//! checksum says which that is: the register of the CRC is run forwards from the beginning, and
//! backwards from the end, and where they meet is the difference.

use super::Footer;
use super::footer::PAYLOAD_CRC;
use crate::frame::FOOTER_LEN;

/// The polynomial of CRC-32, its bits reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What a byte does to the register.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let low = register & 1;
            register = (register >> 1) ^ (POLYNOMIAL * low);
            bit += 1;
        }
        table[byte] = register;
        byte += 1;
    }
    table
};

/// Which entry of the table has these highest eight bits. They are all different.
const BY_HIGHEST: [u8; 256] = {
    let mut inverse = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        inverse[(TABLE[byte] >> 24) as usize] = byte as u8;
        byte += 1;
    }
    inverse
};

fn forwards(register: u32, byte: u8) -> u32 {
    (register >> 8) ^ TABLE[usize::from(register as u8 ^ byte)]
}

/// The register before this byte.
fn backwards(register: u32, byte: u8) -> u32 {
    let entry = BY_HIGHEST[(register >> 24) as usize];
    ((register ^ TABLE[usize::from(entry)]) << 8) | u32::from(entry ^ byte)
}

impl Footer {
    /// The footer with the checksum of the payload with which its own checksum, the last four
    /// bytes of its encoding, is `check`. There is exactly one for each.
    pub fn with_check(&self, check: u32) -> Self {
        let bytes = self.to_bytes();
        let (before, rest) = bytes.split_at(PAYLOAD_CRC);
        let after = &rest[4..FOOTER_LEN - 4 - PAYLOAD_CRC];
        let start = before
            .iter()
            .fold(!0, |register, byte| forwards(register, *byte));
        let end = after
            .iter()
            .rev()
            .fold(!check, |register, byte| backwards(register, *byte));
        // Four bytes are added to the register as a whole, and then shifted out.
        let sum = (0..4).fold(end, |register, _| backwards(register, 0));
        Self {
            payload_crc: start ^ sum,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CodecId;
    use crate::frame::ArchiveLayout;

    #[test]
    fn a_register_runs_backwards_as_it_ran_forwards() {
        let mut register = !0;
        for byte in *b"123456789" {
            let next = forwards(register, byte);
            assert_eq!(backwards(next, byte), register);
            register = next;
        }
        assert_eq!(!register, crc32fast::hash(b"123456789"));
    }

    #[test]
    fn the_checksum_of_a_payload_follows_from_that_of_its_footer() {
        let mut state = 7_u64;
        let mut roll = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state >> 20
        };
        for _ in 0..1000 {
            let archive = ArchiveLayout {
                format: roll() as u16,
                root_align: roll() as u32,
                root_size: roll(),
            };
            let codec = CodecId::from_u32(roll() as u32);
            let described = Footer::describing(codec, archive, roll(), roll());
            let footer = Footer {
                payload_crc: roll() as u32,
                ..described.clone()
            };
            let [.., a, b, c, d] = footer.to_bytes();
            let check = u32::from_le_bytes([a, b, c, d]);
            assert_eq!(described.with_check(check), footer);
        }
    }
}
