//! cargo run --release --example mapped_dataset --features=mappedcodec,bincodec [DIR]
//!
//! The main job: a directory full of files becomes a dataset that outlives the
//! process, and is searched without ever being in memory as a whole.
//!
//! Every regular file below DIR becomes one archived record, and a catalogue of
//! mutable shelves says which key holds which file. Both kinds lie in one store,
//! under a budget so small that nearly everything is evicted. They are saved,
//! dropped, opened again as after a restart, and searched through borrowed
//! archives; the counts go into the catalogue, which is saved again. Then the
//! same records are searched through `BinCodec`, and a table tells what it all
//! cost. `--help` lists the options.
#![expect(
    clippy::disallowed_methods,
    reason = "the paths are those that the user gave"
)]

mod compare;
mod ingest;
mod library;
mod memory;
mod options;
mod phase;
mod record;
mod report;
mod save;
mod search;
mod walk;
mod workplace;

use std::process::ExitCode;

use anyhow::Result;
use tokio::runtime::Runtime;

use compare::Decoded;
use library::Library;
use options::{Command, Options, Usage};
use phase::{Interrupted, Phase, Total};
use report::Report;
use workplace::Workplace;

fn main() -> ExitCode {
    let outcome = match Options::from_args() {
        Ok(Command::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(options)) => run(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mapped_dataset: {error:#}");
            if is_storage_full(&error) {
                eprintln!("Choose a roomier place with TMPDIR or --keep; see --help.");
            }
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Usage>() {
        eprintln!("Try --help.");
        ExitCode::from(2)
    } else if error.is::<Interrupted>() {
        ExitCode::from(130)
    } else {
        ExitCode::FAILURE
    }
}

fn is_storage_full(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<file_backed::Error>()
        .is_some_and(file_backed::Error::is_storage_full)
}

fn run(options: &Options) -> Result<()> {
    let runtime = Runtime::new()?;
    phase::stop_on_ctrl_c(&runtime);
    let mut report = Report::new(options);

    let mut tree = walk::walk(&options.dir, &mut report)?;
    let workplace = Workplace::make(options)?;
    let open = || Library::open(workplace.path(), options.items, runtime.handle());

    // One process: takes the files in, saves them and ends.
    let library = open()?;
    let contents = ingest::ingest(&library, &mut tree, &mut report)?;
    save::save(&library, &contents, &mut report)?;
    library.close(contents, &mut report)?;

    // The next process: finds everything again, and uses it.
    let phase = Phase::begin("open", "finding what was saved", Total::Unknown);
    let library = open()?;
    phase.add(library.saved.all_keys().len() as u64, 0);
    report.end(phase)?;
    let mut contents = library.register(&mut report)?;
    let counts = search::three_times(&library, &contents, options, &mut report)?;
    save::note_counts(&mut contents, &counts)?;
    save::save_again(&library, &contents, &mut report)?;

    // The same records and the same search, decoded instead of mapped.
    let decoded = Decoded::copy(&contents, options, &runtime, &workplace, &mut report)?;
    library.close(contents, &mut report)?;
    decoded.search_three_times(&counts, options, &mut report)?;

    report.print(&tree.skipped, &counts);
    let last = Phase::begin("clean up", "deleting the working files", Total::Unknown);
    drop(decoded);
    let kept = workplace.leave()?;
    last.end()?;
    if let Some(dir) = kept {
        println!("The dataset is kept in {}.", dir.display());
    }
    Ok(())
}
