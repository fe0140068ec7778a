//! `shaken policy import`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, Failure, failure, file_of};
use crate::cli::input::{Output, clock, note};
use crate::config::Import;
use crate::import::{self, ImportError, Query, Staged, Wanted, put_in_place};
use crate::policy::data::{Change, Compared, Loader, RowsFile, compare, rows_files};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The database and the queries, such as import.toml
    queries: PathBuf,
    /// policy.toml, or its folder, whose files the rows are for
    policy: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take a query that gives no rows as meant so: a file without rows
    #[arg(long)]
    allow_empty: bool,
    /// Refuse the import if more than this share of the rows of a file would go
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(..=100))]
    max_removed: u8,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let Import { database, queries } =
        Import::load(&args.queries).map_err(|error| Failure::new(Exit::BadConfig, error))?;
    let policy = file_of(&args.policy);
    let _lock = lock(&policy)?;
    let files = rows_files(&policy).map_err(failure)?;
    let targets = queries.iter().map(|query| target(&query.wanted, &files, &policy));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let mut staged: Vec<(Query, Staged)> = Vec::new();
    for (query, target) in queries.into_iter().zip(&targets) {
        match Staged::begin(&target.path, &policy) {
            Ok(file) => staged.push((query, file)),
            Err(error) => {
                staged.iter().for_each(|(_, file)| file.discard());
                return Err(cannot_write(&target.path, &error));
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| Failure::new(Exit::Unavailable, error)).and_then(|runtime| {
        runtime.block_on(import::read(&database, &mut staged)).map_err(|error| told(&error))
    });
    let staged: Vec<Staged> = staged.into_iter().map(|(_, file)| file).collect();
    let discard = || staged.iter().for_each(Staged::discard);
    outcome.inspect_err(|_| discard())?;

    // What is refused stays beside the files, so that its lines can be looked at.
    let import = judge(args, &policy, &targets, &staged).map_err(|failure| match args.dry_run {
        false => failure,
        true => {
            discard();
            Failure {
                message: failure.message + "\nwithout --dry-run, the files with these lines stay",
                ..failure
            }
        }
    })?;
    if args.dry_run {
        discard();
    }
    if let Some(refusal) = import.refusal(args, &targets) {
        import.print(args, &targets, false)?;
        return Err(Failure::new(Exit::No, refusal));
    }
    let is_changed = import.is_changed(&staged);
    let is_written = is_changed && !args.dry_run;
    if is_written {
        put_in_place(&staged).map_err(|error| cannot_write(&policy, &error))?;
    } else {
        discard();
    }
    import.print(args, &targets, is_written)?;
    match (is_changed, args.dry_run) {
        (false, _) => note(format_args!("no row differs: the files stay as they are")),
        (true, true) => note(format_args!("nothing was written: this was a dry run")),
        (true, false) => note(format_args!("the rows are in place; `shaken reload` puts them in force")),
    }
    Ok(Exit::Yes)
}

/// Held on the folder, for as long as it is open: two imports would write to the same files.
fn lock(policy: &Path) -> Result<File, Failure> {
    let folder = policy.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
    let at =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Io, format_args!("{}: {error}", folder.display()));
    let file = File::open(folder).map_err(|error| at(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(at(&"another import is under way; wait for its end")),
        Err(TryLockError::Error(error)) => Err(at(&error)),
    }
}

/// The file that the rows are for.
fn target<'f>(wanted: &Wanted, files: &'f [RowsFile], policy: &Path) -> Result<&'f RowsFile, Failure> {
    let folder = policy.parent().unwrap_or_else(|| Path::new(""));
    let is_meant = |file: &&RowsFile| match wanted {
        Wanted::List(list) => file.path == folder.join(list),
        _ => true,
    };
    let mut of_kind = files.iter().filter(|file| file.kind == wanted.kind());
    of_kind.find(is_meant).ok_or_else(|| {
        let told = format_args!(
            "{wanted}: {} names no such file in do_not_originate or unallocated; put it there",
            policy.display()
        );
        Failure::new(Exit::BadConfig, told)
    })
}

/// What an import would change.
struct Judged {
    before: Option<String>,
    after: String,
    files: Vec<Compared>,
}

/// Reads the policy as it would be, all of it, and compares the files with those that are there.
fn judge(args: &Args, policy: &Path, targets: &[&RowsFile], staged: &[Staged]) -> Result<Judged, Failure> {
    let with = |loader: Loader, (target, staged): (&&RowsFile, &Staged)| {
        loader.with_instead(target.path.clone(), staged.path())
    };
    let next = targets.iter().zip(staged).fold(Loader::new(policy), with);
    let after = next.load(clock()).map_err(failure)?.generation().id().to_owned();
    // One that is not there yet, or is wrong, has no name.
    let before = Loader::new(policy).load(clock()).ok().map(|policy| policy.generation().id().to_owned());
    let compared = targets.iter().zip(staged).map(|(target, staged)| {
        let old = staged.before();
        compare(target.kind, old.as_deref(), &staged.path()).or_else(|error| {
            let failure = failure(error);
            if args.max_removed < 100 {
                let told = format_args!(
                    "{}\nnobody can tell which rows of {} would go; --max-removed 100 replaces it all the same",
                    failure.message,
                    target.path.display()
                );
                return Err(Failure::new(failure.exit, told));
            }
            compare(target.kind, None, &staged.path()).map_err(super::failure)
        })
    });
    Ok(Judged { before, after, files: compared.collect::<Result<_, _>>()? })
}

impl Judged {
    /// Why it is not put in place, with the way to have it all the same.
    fn refusal(&self, args: &Args, targets: &[&RowsFile]) -> Option<String> {
        let reasons = self.files.iter().zip(targets).filter_map(|(file, target)| {
            let (path, before) = (target.path.display(), file.before);
            let removed = counts(&file.changes).removed;
            if file.after == 0 {
                // A file that was empty before loses nothing.
                let is_known = before == 0 && target.path.exists();
                let told = "the query gives no rows; if that is meant, pass --allow-empty (import-empty)";
                return (!args.allow_empty && !is_known).then(|| format!("{path}: {told}"));
            }
            (removed * 100 > before * usize::from(args.max_removed)).then(|| {
                format!(
                    "{path}: {removed} of {before} rows would go, more than {} %; if that is meant, pass a \
                     higher --max-removed (import-removed)",
                    args.max_removed
                )
            })
        });
        let reasons: Vec<String> = reasons.collect();
        (!reasons.is_empty()).then(|| reasons.join("\n"))
    }

    fn is_changed(&self, staged: &[Staged]) -> bool {
        self.files
            .iter()
            .zip(staged)
            .any(|(file, staged)| !file.changes.is_empty() || staged.before().is_none())
    }

    fn print(&self, args: &Args, targets: &[&RowsFile], is_written: bool) -> Result<(), Failure> {
        let mut output = Output::new();
        let files = self.files.iter().zip(targets);
        let rows =
            files.map(|(file, target)| (file, target.path.display().to_string(), counts(&file.changes)));
        if args.json {
            let files: Vec<_> = rows
                .map(|(file, path, Counts { added, removed, changed })| {
                    json!({
                        "file": path, "rows_before": file.before, "rows": file.after,
                        "added": added, "removed": removed, "changed": changed,
                    })
                })
                .collect();
            let generation = json!({ "before": self.before, "after": self.after });
            let all = json!({ "generation": generation, "written": is_written, "files": files });
            output.line(format_args!("{all}"))?;
        } else {
            let before = self.before.as_deref().unwrap_or("none");
            output.line(format_args!("generation {before} -> {}", self.after))?;
            for (file, path, Counts { added, removed, changed }) in rows {
                output.line(format_args!(
                    "{path}: {} -> {} rows: {added} added, {removed} removed, {changed} changed",
                    file.before, file.after
                ))?;
            }
        }
        output.finish()
    }
}

#[derive(Default)]
struct Counts {
    added: usize,
    removed: usize,
    changed: usize,
}

fn counts(changes: &[Change]) -> Counts {
    changes.iter().fold(Counts::default(), |mut counts, change| {
        match change {
            Change::Added { .. } => counts.added += 1,
            Change::Removed { .. } => counts.removed += 1,
            Change::Changed { .. } => counts.changed += 1,
        }
        counts
    })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let told = format_args!(
        "cannot write {}: {error}; run it as the user whose files they are (import-write)",
        path.display()
    );
    Failure::new(Exit::Io, told)
}

/// The server and the network are there at another time; who we are and what we ask is configuration.
fn told(error: &ImportError) -> Failure {
    let exit = match error {
        ImportError::Unreachable { .. }
        | ImportError::Refused { .. }
        | ImportError::Timeout { .. }
        | ImportError::Lost { .. } => Exit::Unavailable,
        ImportError::Tls { .. }
        | ImportError::Login { .. }
        | ImportError::Query { .. }
        | ImportError::Columns { .. } => Exit::BadConfig,
        ImportError::Write { .. } => Exit::Io,
    };
    Failure::new(exit, error)
}
