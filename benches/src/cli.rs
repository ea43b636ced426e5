//! The commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::harness::plan::{Case, Scale, Workload};
use crate::harness::progress::Progress;
use crate::harness::row::{Row, read_rows};
use crate::harness::{child, compare, machine};
use crate::{instructions, report, workloads};

const USAGE: &str = "\
usage:
  run [WORKLOAD...] [--case CASE] [--quick] [--json] [--dir DIR] [--traces DIR]
      measures; a table, or with --json one object a line
  list
      names the workloads, their cases and the systems
  compare OLD.json NEW.json
      says what became worse
  report [RESULTS.json] [--quick] [--dir DIR] [--out DIR]
      writes report.html, report.md and plots/*.svg, from results or from a run of its own
  instructions [SYSTEM...] [--json]
      counts the instructions of a hit, with valgrind
";

/// What the arguments say.
struct Options {
    words: Vec<String>,
    /// Nothing but the cases of this name.
    case: Option<String>,
    scale: Scale,
    json: bool,
    dir: PathBuf,
    out: PathBuf,
}

pub fn main(arguments: Vec<String>) -> Result<()> {
    let mut arguments = arguments.into_iter();
    let Some(command) = arguments.next() else {
        bail!("no command\n{USAGE}");
    };
    let options = Options::parse(arguments)?;
    match &*command {
        "run" => tell_failures(&run_and_print(&options)?)?,
        "list" => list(&options.scale)?,
        "compare" => compare_files(&options.words)?,
        "report" => report_results(&options)?,
        "instructions" => {
            let mut printer = Printer::new(options.json);
            let rows = instructions::rows(&options.words)?;
            rows.iter().try_for_each(|row| printer.print(row))?;
        }
        child::COMMAND => serve_child(&options)?,
        child::CASE_COMMAND => serve_case(&options)?,
        instructions::LOOP_COMMAND => instructions::serve_loop(&options.words, &options.dir)?,
        "help" | "--help" | "-h" => show(USAGE)?,
        other => bail!("there is no command `{other}`\n{USAGE}"),
    }
    Ok(())
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            words: Vec::new(),
            case: None,
            scale: Scale::new(false),
            json: false,
            dir: std::env::temp_dir(),
            out: PathBuf::from("."),
        };
        while let Some(argument) = arguments.next() {
            let mut value = |what| {
                let value = arguments.next();
                value.with_context(|| format!("{argument} needs a {what}"))
            };
            match &*argument {
                "--quick" => options.scale.quick = true,
                "--json" => options.json = true,
                "--case" => options.case = Some(value("case; `list` names them")?),
                "--traces" => options.scale.traces = Some(traces(value("directory")?)?),
                "--dir" => options.dir = value("directory")?.into(),
                "--out" => options.out = value("directory")?.into(),
                flag if flag.starts_with("--") => bail!("there is no option {flag}\n{USAGE}"),
                _ => options.words.push(argument),
            }
        }
        Ok(options)
    }
}

/// Where the recorded traces are.
fn traces(dir: String) -> Result<PathBuf> {
    let dir = std::path::absolute(dir)?;
    if !workloads::policy::has_traces(&dir) {
        bail!(
            "there is no trace in {}; README.md names the formats",
            dir.display()
        );
    }
    Ok(dir)
}

/// Runs what was asked for, prints it as it comes, and gives it back.
fn run_and_print(options: &Options) -> Result<Vec<Row>> {
    let workloads = chosen(&options.words)?;
    let dir = &options.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut printer = Printer::new(options.json);
    let mut rows = machine::describe(dir, options.scale.pick("quick", "full"));
    rows.iter().try_for_each(|row| printer.print(row))?;

    let planned: Vec<(&Workload, Vec<Case>)> = workloads
        .into_iter()
        .map(|workload| (workload, cases(workload, options)))
        .collect();
    if let Some(name) = &options.case
        && planned.iter().all(|(_, cases)| cases.is_empty())
    {
        bail!("there is no case `{name}` at this scale; `list` names them");
    }
    let steps = planned
        .iter()
        .flat_map(|(_, cases)| cases)
        .map(Case::steps)
        .sum();
    let mut progress = Progress::new(steps);
    for (workload, cases) in planned {
        for case in &cases {
            let measured = child::run_case(workload.name, case, &options.scale, dir, &mut progress);
            measured.iter().try_for_each(|row| printer.print(row))?;
            rows.extend(measured);
        }
    }
    progress.finish();
    let end = machine::describe_end();
    printer.print(&end)?;
    rows.push(end);
    Ok(rows)
}

/// The cases of a workload that were asked for.
fn cases(workload: &Workload, options: &Options) -> Vec<Case> {
    let mut cases = workloads::plan(workload, &options.scale);
    if let Some(name) = &options.case {
        cases.retain(|case| case.name == *name);
    }
    cases
}

fn chosen(names: &[String]) -> Result<Vec<&'static Workload>> {
    if names.is_empty() {
        return Ok(workloads::ALL.iter().collect());
    }
    names.iter().map(|name| workloads::find(name)).collect()
}

/// Prints rows as lines of JSON or as a table.
struct Printer {
    json: bool,
    heading: String,
}

impl Printer {
    fn new(json: bool) -> Self {
        Self {
            json,
            heading: String::new(),
        }
    }

    fn print(&mut self, row: &Row) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(row)?)?;
            return Ok(out.flush()?);
        }
        if row.median.is_none() && row.skipped.is_none() {
            return Ok(writeln!(out, "{}: {}", row.metric, row.case)?);
        }
        let heading = format!("{} {}", row.workload, row.case);
        if heading != self.heading {
            writeln!(
                out,
                "\n{heading:<38} {:<16} {:>12} {:<6} {:>12} {:>12} {:>3} {:>9} {:>9}",
                "", "median", "", "min", "max", "n", "x limit", "x peer"
            )?;
            self.heading = heading;
        }
        if let Some(reason) = &row.skipped {
            return Ok(writeln!(out, "  {:<36} skipped: {reason}", row.system)?);
        }
        let figure = |value: Option<f64>| value.map_or_else(String::new, short);
        writeln!(
            out,
            "  {:<36} {:<16} {:>12} {:<6} {:>12} {:>12} {:>3} {:>9} {:>9}",
            row.system,
            row.metric,
            figure(row.median),
            row.unit,
            figure(row.min),
            figure(row.max),
            row.n,
            figure(row.ratio_to_limit),
            figure(row.ratio_to_best_peer)
        )?;
        Ok(())
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn list(scale: &Scale) -> Result<()> {
    let mut text = String::new();
    for workload in workloads::ALL {
        text += &format!("{}: {}\n", workload.name, workload.about);
        for case in workloads::plan(workload, scale) {
            text += &format!("  {}\n", case.name);
            for contender in case.contenders {
                text += &match contender.skip_reason() {
                    None => format!("    {}\n", contender.system),
                    Some(reason) => format!("    {} (skipped: {reason})\n", contender.system),
                };
            }
        }
    }
    show(&text)
}

fn report_results(options: &Options) -> Result<()> {
    let rows = match &options.words[..] {
        [] => run_and_print(options)?,
        [results] => read_file(results)?,
        _ => bail!("report needs one file, or none\n{USAGE}"),
    };
    report::write(&rows, &options.out)?;
    tell_failures(&rows)
}

/// Fails if a system did; its row says why.
fn tell_failures(rows: &[Row]) -> Result<()> {
    let failed: Vec<_> = rows
        .iter()
        .filter(|row| row.has_failed())
        .map(|row| format!("{} {} {}", row.workload, row.case, row.system))
        .collect();
    if !failed.is_empty() {
        bail!("failed, as their rows tell: {}", failed.join("; "));
    }
    Ok(())
}

fn compare_files(words: &[String]) -> Result<()> {
    let [old, new] = words else {
        bail!("compare needs two files\n{USAGE}");
    };
    show(&compare::text(&read_file(old)?, &read_file(new)?)?)
}

fn read_file(path: impl AsRef<Path>) -> Result<Vec<Row>> {
    let path = path.as_ref();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_rows(&text).with_context(|| format!("{} is not what `run --json` wrote", path.display()))
}

fn serve_case(options: &Options) -> Result<()> {
    let [workload, case] = &options.words[..] else {
        bail!("{} needs a workload and a case", child::CASE_COMMAND);
    };
    child::serve_case(workload, case, &options.scale, &options.dir)
}

fn serve_child(options: &Options) -> Result<()> {
    let [workload, case, system, round] = &options.words[..] else {
        bail!(
            "{} needs a workload, a case, a system and a round",
            child::COMMAND
        );
    };
    let round = round.parse().context("a round is a number")?;
    child::serve(workload, case, system, round, &options.scale, &options.dir)
}

/// Writes to the standard output; a reader that has seen enough is no error.
fn show(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
