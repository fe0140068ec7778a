//! Words that come again and again, each kept once and named by a small integer.

use std::collections::HashMap;

/// Names from 1 on, for as many words as 16 bits have room for; 0 is no word.
#[derive(Debug, Default)]
pub(super) struct Names {
    words: Vec<Box<str>>,
    index: HashMap<Box<str>, u16>,
    most: u16,
}

impl Names {
    /// Room for `most` words. All that come later are `(other)`.
    #[must_use]
    pub(super) fn new(most: u16) -> Self {
        Self { words: Vec::new(), index: HashMap::new(), most }
    }

    /// The name of `word`.
    pub(super) fn name(&mut self, word: &str) -> u16 {
        if let Some(name) = self.index.get(word) {
            return *name;
        }
        if self.words.len() + 1 >= usize::from(self.most) && word != OTHER {
            return self.name(OTHER);
        }
        let name = self.words.len() as u16 + 1;
        self.words.push(word.into());
        self.index.insert(word.into(), name);
        name
    }

    /// The name of `word`, if it has one.
    #[must_use]
    pub(super) fn find(&self, word: &str) -> Option<u16> {
        self.index.get(word).copied()
    }

    /// The word of this name; nothing of 0.
    #[must_use]
    pub(super) fn word(&self, name: u16) -> &str {
        usize::from(name).checked_sub(1).and_then(|at| self.words.get(at)).map_or("", |word| word)
    }
}

const OTHER: &str = "(other)";
