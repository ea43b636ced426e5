//! The least that an item takes: one entry of a slab.

use std::hint::black_box;

use anyhow::Result;

use crate::harness::seed::Rng;
use crate::workloads::footprint::{Kind, Mark, Taken};

/// A key, a state, and two neighbours in a list: 28 bytes.
#[expect(dead_code, reason = "it is there to take memory")]
struct Entry {
    key: [u8; 16],
    state: u32,
    neighbours: [u32; 2],
}

pub fn run(_: Kind, items: usize) -> Result<Taken> {
    let mut rng = Rng::new(1);
    let before = Mark::now()?;
    let mut slab = Vec::with_capacity(items);
    for item in 0..items as u32 {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&rng.next().to_ne_bytes());
        slab.push(Entry {
            key,
            state: 1,
            neighbours: [item.wrapping_sub(1), item + 1],
        });
    }
    black_box(&slab);
    let after = Mark::now()?;
    Ok(Taken {
        before,
        after,
        handle: size_of::<u32>(),
        tracked: None,
    })
}
