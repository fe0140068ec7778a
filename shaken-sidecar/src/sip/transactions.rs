//! Answers that were given, for requests that come again: over UDP a client repeats its INVITE until it
//! has heard an answer (RFC 3261 §17.1.1.2), and must hear the same one (§17.2.1).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names one transaction: a keyed hash of all that makes it one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Transaction(pub(super) [u8; 16]);

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is new, and now open.
    New,
    /// It is being worked on: its answer is on the way.
    Open,
    /// It was answered: say the same again.
    Answered(Arc<[u8]>),
    /// There is no room to remember it by.
    Full,
}

/// The transactions of the last 32 seconds (Timer H, RFC 3261 §17.2.1), or of the last five if their
/// answer was acknowledged (Timer I): at most so many, and answers of at most so many bytes.
pub(super) struct Transactions {
    states: HashMap<Transaction, State>,
    /// When each is forgotten, in that order, unless it was acknowledged.
    begun: VecDeque<(Instant, Transaction)>,
    /// The same for those that were.
    acknowledged: VecDeque<(Instant, Transaction)>,
    kept_bytes: usize,
    max: usize,
    max_bytes: usize,
}

struct State {
    /// Nothing while the request is being worked on.
    answer: Option<Arc<[u8]>>,
    until: Instant,
}

impl Transactions {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        Self {
            states: HashMap::new(),
            begun: VecDeque::new(),
            acknowledged: VecDeque::new(),
            kept_bytes: 0,
            max,
            max_bytes,
        }
    }

    /// Notes a request at `now`.
    pub(super) fn begin(&mut self, transaction: Transaction, now: Instant) -> Seen {
        self.forget_until(now);
        match self.states.get(&transaction) {
            Some(State { answer: None, .. }) => return Seen::Open,
            Some(State { answer: Some(answer), .. }) => return Seen::Answered(Arc::clone(answer)),
            // One that was acknowledged still stands in the first queue, so that one counts too.
            None if self.begun.len() >= self.max || self.kept_bytes >= self.max_bytes => return Seen::Full,
            None => {}
        }
        let until = now + KEPT;
        self.states.insert(transaction, State { answer: None, until });
        self.begun.push_back((until, transaction));
        Seen::New
    }

    /// Notes what was answered. One that was forgotten meanwhile stays so.
    pub(super) fn answer(&mut self, transaction: Transaction, answer: Arc<[u8]>) {
        if let Some(state) = self.states.get_mut(&transaction)
            && state.answer.is_none()
        {
            self.kept_bytes += answer.len();
            state.answer = Some(answer);
        }
    }

    /// Notes that the client has heard the answer: it may repeat its request for no other reason than
    /// that the network does so.
    pub(super) fn acknowledge(&mut self, transaction: Transaction, now: Instant) {
        let until = now + KEPT_ACKNOWLEDGED;
        if let Some(state) = self.states.get_mut(&transaction)
            && state.answer.is_some()
            && until < state.until
        {
            state.until = until;
            self.acknowledged.push_back((until, transaction));
        }
    }

    /// Whether there is one at `now`.
    pub(super) fn knows(&mut self, transaction: Transaction, now: Instant) -> bool {
        self.forget_until(now);
        self.states.contains_key(&transaction)
    }

    fn forget_until(&mut self, now: Instant) {
        for queue in [&mut self.begun, &mut self.acknowledged] {
            while let Some((_, transaction)) = queue.pop_front_if(|(until, _)| *until <= now) {
                if self.states.get(&transaction).is_some_and(|state| state.until <= now)
                    && let Some(State { answer: Some(answer), .. }) = self.states.remove(&transaction)
                {
                    self.kept_bytes -= answer.len();
                }
            }
        }
    }
}

/// 64 times T1.
const KEPT: Duration = Duration::from_secs(32);

/// T4.
const KEPT_ACKNOWLEDGED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(name: u8) -> Transaction {
        Transaction([name; 16])
    }

    #[test]
    fn a_request_that_comes_again_hears_the_same() {
        let mut known = Transactions::new(10, 1000);
        let (one, other, now) = (transaction(1), transaction(2), Instant::now());
        assert!(matches!(known.begin(one, now), Seen::New));
        assert!(matches!(known.begin(one, now), Seen::Open));
        known.answer(one, b"302".as_slice().into());
        known.answer(one, b"503".as_slice().into());
        assert!(matches!(known.begin(one, now), Seen::Answered(answer) if *answer == *b"302"));
        assert!(matches!(known.begin(other, now), Seen::New));
        assert!(known.knows(other, now) && !known.knows(transaction(3), now));

        let later = now + KEPT - Duration::from_millis(1);
        assert!(matches!(known.begin(one, later), Seen::Answered(_)));
        assert!(matches!(known.begin(one, now + KEPT), Seen::New));
    }

    #[test]
    fn what_was_acknowledged_is_forgotten_sooner() {
        let mut known = Transactions::new(10, 1000);
        let (one, now) = (transaction(1), Instant::now());
        known.begin(one, now);
        // Without an answer there is nothing to acknowledge.
        known.acknowledge(one, now);
        assert!(matches!(known.begin(one, now + KEPT_ACKNOWLEDGED), Seen::Open));
        known.answer(one, b"302".as_slice().into());
        known.acknowledge(one, now);
        known.acknowledge(one, now + Duration::from_secs(1));
        let later = now + KEPT_ACKNOWLEDGED;
        assert!(matches!(known.begin(one, later - Duration::from_millis(1)), Seen::Answered(_)));
        assert_eq!(known.kept_bytes, 3);
        assert!(matches!(known.begin(one, later + Duration::from_secs(1)), Seen::New));
        assert_eq!(known.kept_bytes, 0);
        // The new one is not forgotten with the old one.
        assert!(matches!(known.begin(one, now + KEPT), Seen::Open));
        assert!(matches!(known.begin(one, later + Duration::from_secs(1) + KEPT), Seen::New));
        assert_eq!((known.states.len(), known.begun.len(), known.acknowledged.len()), (1, 1, 0));
    }

    #[test]
    fn number_and_bytes_are_bounded_and_room_comes_with_time() {
        let (mut known, now) = (Transactions::new(2, 1000), Instant::now());
        for name in [1, 2] {
            assert!(matches!(known.begin(transaction(name), now), Seen::New));
        }
        assert!(matches!(known.begin(transaction(3), now), Seen::Full));
        assert!(matches!(known.begin(transaction(1), now), Seen::Open));
        assert!(matches!(known.begin(transaction(3), now + KEPT), Seen::New));
        assert_eq!((known.states.len(), known.begun.len()), (1, 1));

        known.answer(transaction(3), vec![0; 1000].into());
        assert!(matches!(known.begin(transaction(4), now + KEPT), Seen::Full));
        assert!(matches!(known.begin(transaction(4), now + 2 * KEPT), Seen::New));
    }
}
