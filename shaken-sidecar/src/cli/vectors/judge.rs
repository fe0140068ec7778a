//! `shaken vectors judge`: the other end of `run --exec`, with this verifier.

use std::io::{BufRead, stdin};

use serde_json::{Map, Value};
use shaken_test_vectors::VectorFile;

use super::ours::World;
use crate::cli::input::Output;
use crate::cli::{Exit, Failure};

/// Reads a file without cases, then cases, one a line, and answers each with a line.
pub(super) fn run() -> Result<Exit, Failure> {
    let mut lines = stdin().lock().lines();
    let mut next = || {
        let line = lines.next()?;
        Some(line.map_err(|error| Failure::new(Exit::Io, format_args!("standard input: {error}"))))
    };
    let Some(file) = next() else {
        return Err(Failure::new(Exit::BadData, "standard input is empty; see the README of the vectors"));
    };
    let file: Map<String, Value> = serde_json::from_str(&file?).map_err(unreadable)?;
    while let Some(line) = next() {
        let case: Value = serde_json::from_str(&line?).map_err(unreadable)?;
        let mut whole = file.clone();
        whole.insert("cases".to_owned(), Value::Array(vec![case]));
        let file = VectorFile::parse(&Value::Object(whole).to_string()).map_err(unreadable)?;
        let world = World::of(&file).map_err(unreadable)?;
        let mut out = Output::new();
        for case in &file.cases {
            out.line(format_args!("{}", world.judge(case).to_answer()))?;
        }
        out.finish()?;
    }
    Ok(Exit::Yes)
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::BadData, error)
}
