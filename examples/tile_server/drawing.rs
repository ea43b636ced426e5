//! Tiles: how they are named, and what is on them.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

/// The world is one tile at zoom 0, and four times as many at each next one.
pub(crate) const MAX_ZOOM: u32 = 6;
/// Squares along each side of a tile.
const SQUARES: u32 = 16;

/// The names of all tiles of a layer at a zoom level.
pub(crate) fn names(layer: &str, zoom: u32) -> impl Iterator<Item = String> {
    let side = 0..1_u32 << zoom;
    let all = side
        .clone()
        .flat_map(move |x| side.clone().map(move |y| (x, y)));
    all.map(move |(x, y)| format!("{layer}/{zoom}/{x}/{y}.svg"))
}

/// A tile of squares in shades of a colour, as 15 KB of SVG that are always the same.
pub(crate) fn draw(name: &str, colour: &str) -> String {
    let side = SQUARES * 16;
    let mut tile = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {side} {side}' fill='{colour}'>\n"
    );
    for at in 0..SQUARES * SQUARES {
        let shade = crc32fast::hash(format!("{name} {at}").as_bytes()) % 100;
        let (x, y) = (at % SQUARES * 16, at / SQUARES * 16);
        let square = format!("x='{x}' y='{y}' width='16' height='16'");
        let _ = writeln!(tile, "<rect {square} opacity='.{shade:02}'/>");
    }
    let _ = write!(
        tile,
        "<text x='8' y='24' fill='black'>{name}</text>\n</svg>\n"
    );
    tile
}

/// Names of layers and colours become parts of tiles, so they are only letters and digits.
pub(crate) fn check_word(word: &str) -> Result<()> {
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure!(is_word, "{word:?} is not a word of letters and digits");
    Ok(())
}
