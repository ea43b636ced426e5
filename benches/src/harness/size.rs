//! Sizes as they stand in the names of cases.

pub const KIB: usize = 1024;
pub const MIB: usize = 1024 * KIB;
pub const GIB: usize = 1024 * MIB;

/// `65536` as `64KiB`.
pub fn size_name(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= GIB && bytes.is_multiple_of(GIB) => format!("{}GiB", bytes / GIB),
        bytes if bytes >= MIB && bytes.is_multiple_of(MIB) => format!("{}MiB", bytes / MIB),
        bytes if bytes >= KIB && bytes.is_multiple_of(KIB) => format!("{}KiB", bytes / KIB),
        bytes => format!("{bytes}B"),
    }
}

/// The bytes of a name that [`size_name`] makes.
pub fn parse_size(name: &str) -> Option<usize> {
    let digits = name.find(|c: char| !c.is_ascii_digit())?;
    let factor = match &name[digits..] {
        "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        _ => return None,
    };
    Some(name[..digits].parse::<usize>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_read_back() {
        for bytes in [256, 4 * KIB, 64 * KIB, MIB, 64 * MIB, GIB, 4 * GIB] {
            assert_eq!(parse_size(&size_name(bytes)), Some(bytes));
        }
        assert_eq!(parse_size("one"), None);
    }
}
