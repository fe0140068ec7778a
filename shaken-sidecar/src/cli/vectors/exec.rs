//! Cases against another program, line by line: the file without its cases goes to its standard
//! input, then each case; for each case one line with the verdict comes back.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::judgement::{Judgement, Word};
use crate::cli::{Exit, Failure};

/// A program that judges the cases of one file. It ends with this.
pub(super) struct Program {
    command: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What the program says of a case.
pub(super) enum Said {
    Verdict(Judgement),
    /// It cannot express the case, and why.
    Skipped(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "verdict")]
enum Answer {
    Accept { headers: Option<Vec<String>> },
    Reject { error: Option<String>, headers: Option<Vec<String>> },
    Skip { reason: String },
}

impl Program {
    /// Starts `command` by way of the shell and tells it what is known before the calls.
    pub(super) fn start(command: &str, mut file: Map<String, Value>) -> Result<Self, Failure> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(Exit::Unavailable, format_args!("{command}: {error}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::new(Exit::Unavailable, format_args!("{command}: no pipes")));
        };
        file.remove("cases");
        file.remove("numberOfCases");
        let mut program = Self { command: command.to_owned(), child, input, output: BufReader::new(output) };
        program.send(&Value::Object(file))?;
        Ok(program)
    }

    pub(super) fn judge(&mut self, case: &Value) -> Result<Said, Failure> {
        self.send(case)?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| self.failed(&error.to_string()))?;
        if line.is_empty() {
            return Err(self.failed("it ended without an answer"));
        }
        let answer: Answer =
            serde_json::from_str(&line).map_err(|error| self.failed(&format!("its answer: {error}")))?;
        Ok(match answer {
            Answer::Skip { reason } => Said::Skipped(reason),
            Answer::Accept { headers } => Said::Verdict(judgement(Word::Accept, headers)),
            Answer::Reject { error, headers } => Said::Verdict(judgement(Word::Reject(error), headers)),
        })
    }

    fn send(&mut self, value: &Value) -> Result<(), Failure> {
        let line = format!("{value}\n");
        let sent = self.input.write_all(line.as_bytes()).and_then(|()| self.input.flush());
        sent.map_err(|error| self.failed(&error.to_string()))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::new(Exit::Unavailable, format_args!("{}: {why}", self.command))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn judgement(verdict: Word, headers: Option<Vec<String>>) -> Judgement {
    let word = |name: String| if name == "accept" { Word::Accept } else { Word::Reject(Some(name)) };
    let headers = headers.map(|names| names.into_iter().map(word).collect());
    Judgement { verdict, headers, fetches: None }
}
