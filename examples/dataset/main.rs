//! cargo run --example dataset --features=dataset,bincodec,mappedcodec,bytescodec
//!
//! A collection of documents that survives restarts: their texts are mapped, so
//! that they are read in place, the notes on them are changed now and then, and
//! a catalogue names both. It is committed as a whole; another process reads an
//! earlier commit meanwhile.

mod library;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use library::Library;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    match (words.next(), words.next()) {
        (None, _) => write_and_restart().await,
        (Some(word), Some(place)) if word == "read" => read(&PathBuf::from(place)).await,
        _ => anyhow::bail!("usage: dataset [read DIRECTORY]"),
    }
}

async fn write_and_restart() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let place = dir.path().join("library");

    println!("A new library:");
    let library = Library::open(&place).await?;
    for (name, line) in [
        ("alice", "Alice was beginning to get very tired"),
        ("moby dick", "Call me Ishmael."),
        ("walden", "When I wrote the following pages"),
    ] {
        library.add(name, line, 10_000);
    }
    library.commit().await?;
    library.close().await;

    println!("\nAfter a restart:");
    let library = Library::open(&place).await?;
    library.print().await?;
    library.note("walden", "read again in winter").await?;
    library.add("emma", "Emma Woodhouse, handsome, clever, and rich", 20_000);
    library.commit().await?;

    println!("\nAnother process reads while this one removes a document:");
    let mut reader = Reader::start(&place)?;
    reader.next_line()?;
    library.remove("alice");
    library.commit().await?;
    reader.go_on()?;
    println!("\nThe earlier generation is no longer pinned:");
    library.commit().await?;
    library.print().await?;
    library.close().await;
    Ok(())
}

/// What the other process does.
async fn read(place: &Path) -> Result<()> {
    let library = Library::open_read_only(place).await?;
    println!("reader: opened generation {}", library.generation());
    // Meanwhile the writer commits without one of the documents.
    std::io::stdin().read_line(&mut String::new())?;
    let text = library.text("alice").await?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    println!(
        "reader: still has \"{}\", {} bytes, mapped: {}",
        String::from_utf8_lossy(line),
        text.len(),
        text.is_mapped()
    );
    Ok(())
}

/// This program once more, as another process.
struct Reader {
    child: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Reader {
    fn start(place: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("read")
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("it is piped")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }

    fn next_line(&mut self) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        print!("  {line}");
        Ok(())
    }

    fn go_on(mut self) -> Result<()> {
        let mut input = self.child.stdin.take().context("it is piped")?;
        input.write_all(b"\n")?;
        self.next_line()?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the reader failed: {status}");
        Ok(())
    }
}
