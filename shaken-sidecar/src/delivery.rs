//! Whether the answer to a request reached the client. If not, and the request is on record, the log
//! gets a note of that: the record says what was decided, and the client acted on something else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audit::{AuditLog, Kept, Loss};
use crate::call::Calls;

/// The answer to one request. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    request_id: String,
    stage: Mutex<Stage>,
}

impl std::fmt::Debug for Inner {
    /// Without the name of the request, which is the client's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("stage", &self.stage).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// There is no record.
    Undecided,
    /// There is one.
    Recorded(Kept),
    /// There is no record yet, and whatever it will say, the client does not hear it.
    Lost(Loss),
    /// Record and loss have been put together.
    Noted,
}

impl Delivery {
    /// The answer to the request named `request_id`.
    #[must_use]
    pub fn new(request_id: String) -> Self {
        Self(Arc::new(Inner { request_id, stage: Mutex::new(Stage::Undecided) }))
    }

    /// The request is on record in `audit`.
    pub fn recorded(&self, kept: Kept, audit: &AuditLog) {
        let mut stage = self.stage();
        if let Stage::Lost(why) = *stage {
            self.note(kept, why, audit);
            *stage = Stage::Noted;
        } else {
            *stage = Stage::Recorded(kept);
        }
    }

    /// The client does not get the answer.
    pub fn lost(&self, why: Loss, audit: &AuditLog) {
        let mut stage = self.stage();
        match *stage {
            Stage::Undecided => *stage = Stage::Lost(why),
            Stage::Recorded(kept) => {
                self.note(kept, why, audit);
                *stage = Stage::Noted;
            }
            Stage::Lost(_) | Stage::Noted => {}
        }
    }

    /// Whether the request is on record.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        matches!(*self.stage(), Stage::Recorded(_) | Stage::Noted)
    }

    fn note(&self, kept: Kept, why: Loss, audit: &AuditLog) {
        match kept {
            Kept::Durable(_) | Kept::Queued => {
                audit.note_undelivered(kept.index(), self.0.request_id.clone(), why);
            }
            Kept::Missing => {}
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request without an answer yet. Dropped as such, the client was gone before there was one.
#[derive(Debug)]
pub struct Pending {
    delivery: Option<Delivery>,
    calls: Arc<Calls>,
}

impl Pending {
    /// The request to `calls` whose answer is `delivery`.
    #[must_use]
    pub fn new(delivery: Delivery, calls: Arc<Calls>) -> Self {
        Self { delivery: Some(delivery), calls }
    }

    /// There is an answer, and it is on its way.
    #[must_use]
    pub fn into_delivery(mut self) -> Option<Delivery> {
        self.delivery.take()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            delivery.lost(Loss::ClientGone, self.calls.audit());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::audit::{AuditOptions, Entry, Event, Interface, Op, Record, read};
    use crate::listen::Peer;

    /// Whichever comes first, the record or the loss: there is one note, and it names the record.
    #[tokio::test]
    async fn a_recorded_answer_that_is_lost_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        let audit = AuditLog::open(dir.path(), AuditOptions::new()).unwrap();
        let peer = Peer { uid: 0, gid: 0, pid: None };
        let record = |id: &str| {
            Record::new(Op::Sign, Interface::HttpUnix, peer, id.into(), "signed", SystemTime::UNIX_EPOCH)
        };
        let late = Delivery::new("late".into());
        late.lost(Loss::Deadline, &audit);
        assert!(!late.is_recorded());
        late.recorded(audit.append(record("late")).await.unwrap(), &audit);
        late.lost(Loss::ClientGone, &audit);

        let gone = Delivery::new("12155550112".into());
        gone.recorded(audit.append(record("12155550112")).await.unwrap(), &audit);
        gone.lost(Loss::ClientGone, &audit);
        assert!(late.is_recorded() && gone.is_recorded());
        assert!(!format!("{gone:?}").contains("5550112"));

        let unrecorded = Delivery::new("unrecorded".into());
        unrecorded.lost(Loss::ClientGone, &audit);
        let fine = Delivery::new("fine".into());
        fine.recorded(audit.append(record("fine")).await.unwrap(), &audit);

        audit.close().await.unwrap();
        let notes: Vec<_> = read(dir.path())
            .unwrap()
            .filter_map(|line| match Entry::parse(&line.unwrap().bytes).unwrap().event {
                Event::Undelivered(note) => Some((note.record, note.request_id, note.why)),
                _ => None,
            })
            .collect();
        let expected = [
            (Some(0), "late".to_owned(), Loss::Deadline),
            (Some(1), "12155550112".to_owned(), Loss::ClientGone),
        ];
        assert_eq!(notes, expected);
    }
}
