//! Measures `file_backed` side by side with what people would use instead; see
//! README.md.
#![expect(
    clippy::disallowed_methods,
    reason = "the paths are those that the user gave"
)]

mod cli;
mod harness;
mod instructions;
mod report;
mod systems;
mod workloads;

#[global_allocator]
static ALLOCATOR: harness::heap::Counting = harness::heap::Counting;

fn main() -> std::process::ExitCode {
    match cli::main(std::env::args().skip(1).collect()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
