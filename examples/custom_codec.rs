//! cargo run --example custom_codec
//!
//! A custom codec that stores sound as plain PCM. The library appends a footer to the
//! bytes, and checks it.

use std::io::Write as _;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{BoxError, Codec, CodecId, Payload, PayloadWriter, PreparedPath};

/// Sound as 16-bit little-endian samples.
struct Pcm;

impl Codec<Vec<i16>> for Pcm {
    const ID: CodecId = CodecId::user(16);

    fn encode(&self, samples: &Vec<i16>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        // The writer buffers, so small writes cost little.
        for sample in samples {
            out.write_all(&sample.to_le_bytes())?;
        }
        Ok(())
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<i16>, BoxError> {
        // This fails if the length or the checksum is wrong. The codec checks the
        // contents.
        let bytes = payload.read_whole()?;
        let (samples, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("the payload ends with half a sample".into());
        }
        let sample = |bytes: &[u8; 2]| i16::from_le_bytes(*bytes);
        Ok(samples.iter().map(sample).collect())
    }

    fn decodes_inline(&self) -> bool {
        // `decode` waits for nothing, so the thread of an async task may decode short sounds.
        true
    }
}

/// The same in the other byte order, built on `Pcm`.
struct BigEndianPcm;

impl Codec<Vec<i16>> for BigEndianPcm {
    const ID: CodecId = CodecId::user(17);

    fn encode(&self, samples: &Vec<i16>, out: &mut PayloadWriter<'_>) -> Result<(), BoxError> {
        Pcm.encode(&swapped(samples), out)
    }

    fn decode(&self, payload: Payload<'_>) -> Result<Vec<i16>, BoxError> {
        Ok(swapped(&Pcm.decode(payload)?))
    }
}

fn swapped(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|sample| sample.swap_bytes()).collect()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A pool that keeps one of three sounds in memory.
    let pool: Arc<FBPool<Vec<i16>, _>> = FBPool::temp(Pcm, 1).await?;
    let sounds = [440.0, 550.0, 660.0].map(|hertz| pool.insert(sine(hertz)));
    pool.store().finished().await;
    println!(
        "{} sounds, {} in memory",
        pool.size(),
        pool.stats().resident
    );

    // Loading one decodes its file.
    let sound = sounds[0].read().await?;
    println!("loaded: {} samples, {:?} ...", sound.len(), &sound[..4]);
    drop(sound);

    // A persisted sound can be opened by any program that has the codec.
    let dir = tempfile::tempdir()?;
    let saved = PreparedPath::open(dir.path().join("saved")).await?;
    let tracked = Arc::new(pool.store().track_path(saved.clone()).await?);
    sounds[0].persist(&tracked).await?;

    // Another codec gets an error instead of decoding noise.
    let others: Arc<FBPool<Vec<i16>, _>> = FBPool::temp(BigEndianPcm, 1).await?;
    let tracked = Arc::new(others.store().track_path(saved).await?);
    let foreign = others.register(&tracked, sounds[0].key()).await?;
    let read = foreign.read().await;
    let error = read.expect_err("the codec is another one");
    println!("expected error: {error}");
    println!(
        "it is a mismatch: {}, it is damaged: {}",
        error.is_mismatch(),
        error.is_damaged()
    );
    Ok(())
}

/// A second of a tone.
fn sine(hertz: f32) -> Vec<i16> {
    let angle = |n: i32| n as f32 / 44_100.0 * hertz * std::f32::consts::TAU;
    let sample = |n| (angle(n).sin() * 30_000.0) as i16;
    (0..44_100).map(sample).collect()
}
