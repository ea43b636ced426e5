//! How the systems look: the same in every plot, and told apart by colour and
//! marker together.

use plotters::style::RGBColor;

/// The path of a marker, from the point that it stands at.
pub type Marker = &'static [(i32, i32)];

/// The look of one system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub colour: RGBColor,
    pub marker: Marker,
    /// Not filled.
    pub hollow: bool,
    pub width: u32,
    /// The lengths of a dash and of a gap.
    pub dash: Option<(i32, i32)>,
}

#[rustfmt::skip]
const CIRCLE: Marker = &[(-2, -5), (2, -5), (5, -2), (5, 2), (2, 5), (-2, 5), (-5, 2), (-5, -2), (-2, -5)];
const SQUARE: Marker = &[(-4, -4), (4, -4), (4, 4), (-4, 4), (-4, -4)];
const DIAMOND: Marker = &[(0, -6), (6, 0), (0, 6), (-6, 0), (0, -6)];
const UP: Marker = &[(0, -5), (5, 4), (-5, 4), (0, -5)];
const DOWN: Marker = &[(0, 5), (5, -4), (-5, -4), (0, 5)];
const CROSS: Marker = &[(-4, -4), (4, 4), (0, 0), (4, -4), (-4, 4), (0, 0)];
const PLUS: Marker = &[(-5, 0), (5, 0), (0, 0), (0, -5), (0, 5), (0, 0)];

/// Ours are thick, limits black and dashed. The colours are from palettes that
/// are told apart with every kind of colour blindness (Okabe and Ito; Tol's
/// muted).
pub fn style_of(system: &str) -> Style {
    if let Some(name) = system
        .strip_suffix("/async")
        .or(system.strip_suffix("/bincode"))
    {
        return Style {
            hollow: true,
            dash: Some((5, 5)),
            ..style_of(name)
        };
    }
    let (colour, marker) = match system {
        "file_backed/mappedcodec" => (0x0072B2, CIRCLE),
        "file_backed/mappedcodec-crossover0" => (0x332288, DIAMOND),
        "file_backed/mappedcodec-heap" => (0x4499DD, CROSS),
        "file_backed/bincodec" => (0x009E73, SQUARE),
        "file_backed/prostcodec" => (0x56B4E9, UP),
        "file_backed/mixedcodec" => (0x6A5ACD, DOWN),
        "file_backed/mappedcodec-insert" => (0x332288, CROSS),
        "file_backed/bytescodec" => (0x004466, PLUS),
        "file_backed/maps" => (0x0072B2, DIAMOND),
        "file_backed/dip" => (0x009E73, CIRCLE),
        "file_backed/bip" => (0x56B4E9, PLUS),
        "file_backed/lru" => (0x6A5ACD, CROSS),
        "ancestor/bincodec" => (0xD55E00, SQUARE),
        "ancestor/prostcodec" => (0xE69F00, UP),
        "heed" => (0xCC79A7, CIRCLE),
        "redb" => (0x882255, DOWN),
        "fjall" => (0xAA4499, DIAMOND),
        "foyer" => (0x999933, PLUS),
        "foyer/s3-fifo" => (0x999933, CIRCLE),
        "foyer/lfu" => (0x999933, SQUARE),
        "lru" => (0x888888, DOWN),
        "cacache" => (0xA08A20, CROSS),
        "mmap-sync" => (0x44AA99, SQUARE),
        "epserde" => (0x117733, UP),
        "moka" => (0x661100, CROSS),
        "quick_cache" => (0x6699CC, PLUS),
        "limit/arc-clone" | "limit/read" | "limit/lru-read" | "limit/optimum" => (0, CIRCLE),
        "limit/striped-pin" | "limit/map" | "limit/cache-and-backlog" => (0, PLUS),
        "limit/read-reused" | "limit/lru-read-reused" => (0, DOWN),
        "limit/directory-handles-2t" | "limit/bincode-buffer" | "limit/lru-read-bincode" => {
            (0, SQUARE)
        }
        "limit/directory-handles-8t" | "limit/prost-buffer" | "limit/lru-read-prost" => (0, UP),
        "limit/syncfs-2t" | "limit/map-bytecheck" => (0, DIAMOND),
        "limit/system-calls-together" => (0, DOWN),
        _ => (0, CROSS),
    };
    let [_, red, green, blue] = u32::to_be_bytes(colour);
    Style {
        colour: RGBColor(red, green, blue),
        marker,
        hollow: false,
        width: if system.starts_with("file_backed/") {
            3
        } else {
            1
        },
        dash: system.starts_with("limit/").then_some((12, 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::Scale;
    use crate::workloads;

    #[test]
    fn no_two_systems_of_a_case_look_alike() {
        let plan = |workload| workloads::plan(workload, &Scale::new(true));
        for case in workloads::ALL.iter().flat_map(plan) {
            for one in &case.contenders {
                let look = style_of(&one.system);
                let mut others = case.contenders.iter();
                let same = others.find(|other| style_of(&other.system) == look);
                assert_eq!(same.map(|same| &same.system), Some(&one.system));
            }
        }
    }
}
