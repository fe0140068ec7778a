//! What a verifier made of a case, and whether that is what the case asks for.

use std::fmt;

use serde_json::{Value, json};
use shaken_test_vectors::{Case, Expect, ExpectHeader};

/// What a verifier made of one call.
pub(super) struct Judgement {
    pub(super) verdict: Word,
    /// What it made of each header, if it tells.
    pub(super) headers: Option<Vec<Word>>,
    /// How many different certificates it asked for, if that is known.
    pub(super) fetches: Option<usize>,
}

/// A call or a header was accepted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Accept,
    /// The name of the failure; `None` if the verifier has no names of ours.
    Reject(Option<String>),
}

impl Word {
    fn is(&self, expected: &ExpectHeader) -> bool {
        match (self, expected) {
            (Self::Accept, ExpectHeader::Accept) | (Self::Reject(None), ExpectHeader::Reject(_)) => true,
            (Self::Reject(Some(name)), ExpectHeader::Reject(expected)) => name == expected,
            _ => false,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Accept => "accept",
            Self::Reject(None) => "reject",
            Self::Reject(Some(name)) => name,
        }
    }

    fn error(&self) -> Option<&str> {
        if let Self::Reject(name) = self { name.as_deref() } else { None }
    }
}

impl Judgement {
    pub(super) fn of_call(verdict: Word) -> Self {
        Self { verdict, headers: None, fetches: None }
    }

    pub(super) fn is_as_expected(&self, case: &Case) -> bool {
        let call = match (&case.expect, &self.verdict) {
            (Expect::Policy, _) | (Expect::Accept, Word::Accept) => true,
            (Expect::Reject { error }, Word::Reject(name)) => {
                error.is_none() || name.is_none() || error == name
            }
            _ => false,
        };
        call && self.headers_are_as_expected(case)
    }

    fn headers_are_as_expected(&self, case: &Case) -> bool {
        let (Some(words), Some(expected)) = (&self.headers, &case.expect_headers) else { return true };
        words.len() == expected.len() && words.iter().zip(expected).all(|(word, expected)| word.is(expected))
    }

    pub(super) fn to_json(&self, id: &str) -> Value {
        json!({
            "id": id, "verdict": self.verdict_word(), "error": self.verdict.error(),
            "headers": self.header_names(), "fetches": self.fetches,
        })
    }

    /// A line of the protocol of `run --exec`.
    pub(super) fn to_answer(&self) -> Value {
        let mut answer = json!({ "verdict": self.verdict_word(), "headers": self.header_names() });
        if let (Some(error), Some(members)) = (self.verdict.error(), answer.as_object_mut()) {
            members.insert("error".to_owned(), error.into());
        }
        answer
    }

    fn verdict_word(&self) -> &'static str {
        if self.verdict == Word::Accept { "accept" } else { "reject" }
    }

    fn header_names(&self) -> Option<Vec<&str>> {
        self.headers.as_ref().map(|words| words.iter().map(Word::name).collect())
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Word::Reject(Some(name)) => write!(f, "reject ({name})")?,
            word => f.write_str(word.name())?,
        }
        if let Some(words) = self.headers.as_ref().filter(|words| !words.is_empty()) {
            let names: Vec<&str> = words.iter().map(Word::name).collect();
            write!(f, " [{}]", names.join(", "))?;
        }
        Ok(())
    }
}

/// What a case asks for, in the words of a [`Judgement`].
pub(super) fn wanted(case: &Case) -> String {
    let call = match &case.expect {
        Expect::Accept => "accept".to_owned(),
        Expect::Reject { error: None } => "reject".to_owned(),
        Expect::Reject { error: Some(name) } => format!("reject ({name})"),
        Expect::Policy => "either".to_owned(),
    };
    let names = case.expect_headers.iter().flatten().map(|header| match header {
        ExpectHeader::Accept => "accept",
        ExpectHeader::Reject(name) => name,
    });
    let names: Vec<&str> = names.collect();
    if names.is_empty() { call } else { format!("{call} [{}]", names.join(", ")) }
}
