//! Which keys have a table: made off the call path, tried out, bounded in memory.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};

use crate::es256::table::Table;
use crate::es256::{SIGNATURE_LEN, Signature, VerifyingKey, sha256};

use super::hot::{Candidate, HotKey};
use super::{Difference, Tables};

/// Makes the tables. Give it a thread of its own: one table keeps a core busy for some
/// milliseconds.
#[derive(Debug)]
pub struct Builder {
    tables: Weak<Tables>,
    messages: Receiver<Message>,
    built: Vec<Built>,
    /// Tests have it make wrong ones.
    pub(super) make_table: fn(&VerifyingKey) -> Table,
}

/// What the verifying threads have to say.
#[expect(clippy::large_enum_variant, reason = "a box would be heap on the call path")]
pub(super) enum Message {
    Candidate(Candidate),
    /// All tables are out of use.
    Distrusted,
}

/// A table, and where it is in use: a key may stand in several certificates, or at several URLs,
/// and costs no more for that.
#[derive(Debug)]
struct Built {
    key: VerifyingKey,
    table: Arc<Table>,
    holders: Vec<Weak<HotKey>>,
}

impl Built {
    fn calls_at(&self, now: i64) -> u32 {
        let calls = |hot: Arc<HotKey>| hot.calls_at(now);
        self.holders.iter().filter_map(Weak::upgrade).map(calls).fold(0, u32::saturating_add)
    }

    fn take_away(self) {
        self.holders.iter().filter_map(Weak::upgrade).for_each(|hot| hot.set_table(None));
    }
}

impl Builder {
    pub(super) fn new(tables: Weak<Tables>, messages: Receiver<Message>) -> Self {
        Self { tables, messages, built: Vec::new(), make_table: Table::new }
    }

    /// Makes tables until the last [`Tables`] is dropped.
    pub fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            self.take(message);
        }
    }

    /// Makes the tables that are asked for now and returns.
    pub fn run_once(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        let Some(tables) = self.tables.upgrade() else { return };
        if let Message::Candidate(candidate) = message
            && !tables.distrusted.load(Ordering::Relaxed)
        {
            self.admit(&candidate, &tables);
        }
        if tables.distrusted.load(Ordering::Relaxed) {
            self.built.drain(..).for_each(Built::take_away);
        }
        let count = u64::try_from(self.built.len()).unwrap_or(u64::MAX);
        tables.counters.tables.store(count, Ordering::Relaxed);
    }

    fn admit(&mut self, candidate: &Candidate, tables: &Tables) {
        // Certificates that have left the cache took their share of the table with them.
        for built in &mut self.built {
            built.holders.retain(|hot| hot.strong_count() > 0);
        }
        self.built.retain(|built| !built.holders.is_empty());

        let holder = Arc::downgrade(&candidate.hot);
        if let Some(built) = self.built.iter_mut().find(|built| built.key == candidate.key) {
            candidate.hot.set_table(Some(Arc::clone(&built.table)));
            built.holders.push(holder);
            return;
        }
        let max_tables = tables.options.max_bytes / Table::LEN_BYTES;
        if self.built.len() >= max_tables && !self.drop_one_for(candidate) {
            return;
        }
        let table = (self.make_table)(&candidate.key);
        if let Some(difference) = find_difference(&table, candidate) {
            tables.distrust(difference);
            return;
        }
        let table = Arc::new(table);
        candidate.hot.set_table(Some(Arc::clone(&table)));
        self.built.push(Built { key: candidate.key, table, holders: vec![holder] });
    }

    /// Makes room by dropping the least used table, if the candidate is used clearly more: keys of
    /// about the same use must not push each other out in turn.
    fn drop_one_for(&mut self, candidate: &Candidate) -> bool {
        let calls = |built: &Built| built.calls_at(candidate.now);
        let least = self.built.iter().enumerate().min_by_key(|(_, built)| calls(built));
        match least {
            Some((place, built)) if candidate.hot.calls_at(candidate.now) / 2 > calls(built) => {
                self.built.swap_remove(place).take_away();
                true
            }
            _ => false,
        }
    }
}

/// Compares the table with `ring`: on the candidate's signature, on the other signature that is
/// valid for the same message, and on forgeries of both.
pub(super) fn find_difference(table: &Table, candidate: &Candidate) -> Option<Difference> {
    let message: &[u8] = &candidate.message;
    let signature: [u8; SIGNATURE_LEN] =
        candidate.signature.as_ref().try_into().unwrap_or([0; SIGNATURE_LEN]);
    let disagree = |message: &[u8], signature: [u8; SIGNATURE_LEN]| {
        let signature = Signature::from_bytes(signature);
        let accepted = table.verify(&sha256(message), &signature);
        match (accepted, candidate.key.verify(message, &signature)) {
            (true, Err(_)) => Some(Difference::WronglyAccepted),
            (false, Ok(())) => Some(Difference::WronglyRefused),
            (true, Ok(())) | (false, Err(_)) => None,
        }
    };
    let twin = with_negated_s(signature);
    let genuine = [signature, twin].into_iter().find_map(|signature| disagree(message, signature));
    let forged_signatures = || {
        (0..SIGNATURE_LEN).find_map(|place| {
            let mut forged = if place % 2 == 0 { signature } else { twin };
            flip(&mut forged, place);
            disagree(message, forged)
        })
    };
    let forged_messages = || {
        let mut forged = candidate.message.clone();
        let step = (message.len() / FORGED_MESSAGES).max(1);
        (0..message.len()).step_by(step).find_map(|place| {
            flip(&mut forged, place);
            disagree(&forged, signature)
        })
    };
    let extreme =
        || [[0; SIGNATURE_LEN], [0xff; SIGNATURE_LEN]].into_iter().find_map(|s| disagree(message, s));
    genuine.or_else(forged_signatures).or_else(forged_messages).or_else(extreme)
}

fn flip(bytes: &mut [u8], place: usize) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << (place % 8);
    }
}

/// r‖n−s, which is valid wherever r‖s is.
fn with_negated_s(mut signature: [u8; SIGNATURE_LEN]) -> [u8; SIGNATURE_LEN] {
    let mut borrow = false;
    for (byte, order) in signature.iter_mut().rev().zip(ORDER.iter().rev()) {
        let (difference, below) = order.overflowing_sub(*byte);
        let (difference, below_with_borrow) = difference.overflowing_sub(u8::from(borrow));
        borrow = below || below_with_borrow;
        *byte = difference;
    }
    signature
}

/// n, the order of P-256 (SEC 2 §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// About how many forged messages a fresh table is tried on.
const FORGED_MESSAGES: usize = 16;
