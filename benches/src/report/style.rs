//! How the systems look: the same in every plot, and told apart by colour,
//! marker and dash, so that no one of them is needed.

/// The look of one system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// From palettes that are told apart with every kind of colour blindness
    /// (Okabe and Ito; Tol's muted).
    pub colour: &'static str,
    pub dash: &'static str,
    pub marker: Marker,
    pub width: f64,
    /// Not filled.
    pub hollow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Diamond,
    Up,
    Down,
    Cross,
    Plus,
}

pub fn style_of(system: &str) -> Style {
    let plain = |colour, marker| Style {
        colour,
        dash: "",
        marker,
        width: 1.4,
        hollow: false,
    };
    let bold = |colour, marker| Style {
        width: 3.0,
        ..plain(colour, marker)
    };
    if let Some(name) = system.strip_suffix("/async") {
        return Style {
            dash: "2 4",
            hollow: true,
            ..style_of(name)
        };
    }
    if let Some(name) = system.strip_suffix("/bincode") {
        return Style {
            dash: "7 2 1 2",
            hollow: true,
            ..style_of(name)
        };
    }
    let limit = |dash, marker| Style {
        dash,
        ..plain("#000000", marker)
    };
    match system {
        "file_backed/mappedcodec" => bold("#0072B2", Marker::Circle),
        "file_backed/mappedcodec-crossover0" => bold("#332288", Marker::Diamond),
        "file_backed/mappedcodec-heap" => bold("#4499DD", Marker::Cross),
        "file_backed/bincodec" => bold("#009E73", Marker::Square),
        "file_backed/prostcodec" => bold("#56B4E9", Marker::Up),
        "file_backed/mixedcodec" => bold("#6A5ACD", Marker::Down),
        "file_backed/mappedcodec-insert" => bold("#332288", Marker::Cross),
        "file_backed/bytescodec" => bold("#004466", Marker::Plus),
        "ancestor/bincodec" => plain("#D55E00", Marker::Square),
        "ancestor/prostcodec" => plain("#E69F00", Marker::Up),
        "heed" => plain("#CC79A7", Marker::Circle),
        "redb" => plain("#882255", Marker::Down),
        "fjall" => plain("#AA4499", Marker::Diamond),
        "foyer" => plain("#999933", Marker::Plus),
        "cacache" => plain("#A08A20", Marker::Cross),
        "mmap-sync" => plain("#44AA99", Marker::Square),
        "epserde" => plain("#117733", Marker::Up),
        "moka" => plain("#661100", Marker::Cross),
        "quick_cache" => plain("#6699CC", Marker::Plus),
        "limit/arc-clone" | "limit/read" | "limit/lru-read" => limit("6 3", Marker::Circle),
        "limit/striped-pin" | "limit/map" => limit("2 3", Marker::Plus),
        "limit/read-reused" | "limit/lru-read-reused" => limit("4 4", Marker::Down),
        "limit/directory-handles-2t" => limit("3 3", Marker::Square),
        "limit/directory-handles-8t" => limit("1 3", Marker::Up),
        "limit/syncfs-2t" => limit("7 2", Marker::Diamond),
        "limit/cache-and-backlog" => limit("8 2", Marker::Plus),
        "limit/bincode-buffer" | "limit/lru-read-bincode" => limit("9 3 2 3", Marker::Square),
        "limit/prost-buffer" | "limit/lru-read-prost" => limit("3 2", Marker::Up),
        "limit/map-bytecheck" => limit("9 3", Marker::Diamond),
        _ => limit("5 2", Marker::Cross),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::plan::Scale;
    use crate::workloads;

    #[test]
    fn no_two_systems_of_a_case_look_alike() {
        for workload in workloads::ALL {
            for case in workloads::plan(workload, &Scale { quick: true }) {
                let looks: Vec<_> = case
                    .contenders
                    .iter()
                    .map(|contender| (style_of(&contender.system), &contender.system))
                    .collect();
                for (index, (look, system)) in looks.iter().enumerate() {
                    for (other, name) in &looks[..index] {
                        assert!(look != other, "{system} looks like {name}");
                    }
                }
            }
        }
    }
}
