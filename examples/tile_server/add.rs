//! Adds tiles to the dataset, and replaces those that have the same names.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use file_backed::FBPool;
use file_backed::dataset::Dataset;
use file_backed::fbstore::{BytesCodec, MappedBytes, PreparedPath};

use super::drawing::{MAX_ZOOM, check_word, draw, names};

pub(crate) async fn add(dir: &Path, layer: &str, colour: &str, zooms: &[&str]) -> Result<()> {
    check_word(layer)?;
    check_word(colour)?;
    let zooms = zooms.iter().map(|zoom| read_zoom(zoom));
    let zooms: Vec<_> = zooms.collect::<Result<_>>()?;

    // What is drawn is not read here, so hardly any of it has to stay in memory.
    let pool = FBPool::temp(BytesCodec::heap(), 16).await?;
    let dir = PreparedPath::open(dir).await?;
    let tiles: Dataset<(), _> = Dataset::open(pool.store(), dir).await?;
    let mut drawn = Vec::new();
    for name in zooms.into_iter().flat_map(|zoom| names(layer, zoom)) {
        let tile = MappedBytes::from(draw(&name, colour).into_bytes());
        // Waits if the disk is slower than this draws.
        drawn.push((pool.reserve().await?.insert(tile), name));
    }
    let put_all = tiles.edit(|edit| {
        drawn
            .iter()
            .try_for_each(|(tile, name)| edit.put_named(name, tile).map(drop))
    });
    let ((), done) = put_all.await?;
    println!(
        "generation {}: {} tiles, {} of them new ({} replaced), {} bytes",
        done.generation, done.names, done.linked, done.removed, done.linked_bytes
    );
    Ok(())
}

fn read_zoom(zoom: &str) -> Result<u32> {
    let number = zoom.parse().ok();
    let number = number.with_context(|| format!("{zoom:?} is not a zoom level"))?;
    ensure!(number <= MAX_ZOOM, "zoom {zoom} is beyond {MAX_ZOOM}");
    Ok(number)
}
