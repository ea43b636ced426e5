//! cargo run --example tile_server --features=dataset,bytescodec -- ...
//!
//! A server of map tiles, which are the named items of a dataset, and the program that draws
//! them. While the server serves one commit, another process adds and replaces tiles; the
//! server then moves on to its commit.
//!
//! `site` is what is served, `answer` says how, and `add` draws and commits. `check` does all
//! of it: it serves, starts the second process, and lets many clients compare what they get.

mod add;
mod answer;
mod check;
#[path = "../http/client.rs"]
mod client;
#[path = "../http/conditions.rs"]
mod conditions;
mod drawing;
mod site;
#[path = "../http/stop.rs"]
mod stop;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;

use site::Site;

const USAGE: &str = "\
Usage: tile_server add DIR LAYER COLOUR ZOOM...
       tile_server serve DIR [ADDRESS]
       tile_server --check

`add` draws all tiles of a layer at these zoom levels, and puts them into the
dataset at DIR in one commit. Those of the same names are replaced.

`serve` serves them at http://ADDRESS/LAYER/ZOOM/X/Y.svg [default: 127.0.0.1:8080]
until Ctrl-C. Run `add` meanwhile, and the server shows what was added.

    tile_server add /tmp/tiles basemap green 0 1 2 3
    tile_server serve /tmp/tiles";

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["add", dir, layer, colour, ref zooms @ ..] if !zooms.is_empty() => {
            add::add(Path::new(dir), layer, colour, zooms).await
        }
        ["serve", dir] => serve(Path::new(dir), "127.0.0.1:8080").await,
        ["serve", dir, address] => serve(Path::new(dir), address).await,
        ["--check"] => check::check().await,
        ["--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown command\n\n{USAGE}"),
    }
}

async fn serve(dir: &Path, address: &str) -> Result<()> {
    let site = Arc::new(Site::open(dir).await?);
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen at {address}"))?;
    let commit = site.commit();
    println!(
        "{} tiles of generation {} at http://{}/",
        commit.names().len(),
        commit.generation(),
        listener.local_addr()?
    );
    if let Some(first) = commit.names().iter().next() {
        // A terminal would interpret control characters of the name.
        let name = first.name().escape_debug();
        println!("curl -i http://{}/{name}", listener.local_addr()?);
    }
    drop(commit); // it would stay pinned
    site.serve(listener, stop::asked()?).await
}
