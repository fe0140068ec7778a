//! What the writer does when the disk fails: give up what cannot be trusted, refuse, try again each
//! second, and go on behind the last durable record.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::SecureRandom as _;

use super::{TICK, Writer};
use crate::audit::disk::{Disk, DiskFile as _, uninterrupted};
use crate::audit::line::{Content, Place, SALT_LEN, push_line};
use crate::audit::record::rfc3339_ms;
use crate::audit::segment::{self, NEXT, NotAppended, NotBegun, Segment, name_of};
use crate::audit::state::Health;
use crate::audit::{Commit, Cut, Event, Failure, Observer, Step};

/// Records cannot be written.
pub(super) struct Outage {
    pub(super) failure: Failure,
    /// Which segment was given up, and the length that counts.
    pub(super) cut: Option<(u64, u64)>,
    /// The disk is full: there may be a segment, but only for notes of ours.
    pub(super) is_full: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserve {
    Held,
    Released,
}

impl<D: Disk, O: Observer> Writer<D, O> {
    /// After a failed write or fsync: the segment is never written to again. The lines of this commit
    /// do not count, and those who wait for them are told so.
    pub(super) fn give_up_segment(&mut self, taken: usize, error: NotAppended) {
        let Some(mut segment) = self.segment.take() else { return };
        let (step, error) = match error {
            NotAppended::Write(error) => (Step::Write, error),
            NotAppended::Sync(error) => (Step::Sync, error),
        };
        // Lest they be found as decisions that were acted on. If this fails, or is undone by a power
        // cut, the next segment tells how much of this one counts.
        segment.trim();
        let failure = self.failure(&name_of(segment.first_index), step, error);
        self.begin_outage(failure.clone(), Some((segment.first_index, segment.len_bytes)));
        drop(segment);
        self.refuse(taken, &failure);
        // A fault that passes costs one commit. One that stays is not fought at full speed.
        if self.last_begun.is_none_or(|begun| begun.elapsed() >= TICK) {
            self.end_outage();
        }
    }

    pub(super) fn begin_outage(&mut self, failure: Failure, cut: Option<(u64, u64)>) {
        tracing::error!(%failure, "no audit records can be written");
        self.shared.faults.fetch_add(1, Ordering::Relaxed);
        self.shared.set_health(Health::Degraded { cause: failure.clone() });
        let is_full = is_full(&failure.source);
        if is_full {
            self.release_reserve();
        }
        self.outage = Some(Outage { failure, cut, is_full });
    }

    /// Begins a segment after the last durable record, which says what it takes the place of.
    pub(super) fn end_outage(&mut self) {
        let Some(outage) = &self.outage else { return };
        if outage.failure.step == Step::Removed {
            return;
        }
        if self.segment.is_none() {
            self.last_begun = Some(Instant::now());
            if let Err(error) = self.begin_after_cut() {
                let failure = self.failure(NEXT, Step::Begin, error);
                let is_full = is_full(&failure.source);
                if is_full {
                    self.release_reserve();
                }
                self.shared.set_health(Health::Degraded { cause: failure.clone() });
                if let Some(outage) = &mut self.outage {
                    outage.is_full |= is_full;
                    outage.failure = failure;
                }
                return;
            }
        }
        // A full disk has room again when the reserve fits.
        if self.outage.as_ref().is_some_and(|outage| outage.is_full)
            && let Err(error) = self.hold_reserve()
        {
            let failure = self.failure(RESERVE, Step::Reserve, error);
            self.shared.set_health(Health::Degraded { cause: failure.clone() });
            if let Some(outage) = &mut self.outage {
                outage.failure = failure;
            }
            return;
        }
        self.outage = None;
        self.shared.set_health(Health::Ok);
        tracing::warn!(next_index = self.next_index, "audit records are written again");
        // Tell what is missing before anything else.
        self.next_tick = Instant::now();
        self.last_gap = None;
    }

    pub(super) fn begin_after_cut(&mut self) -> io::Result<()> {
        let Some(Outage { failure, cut, .. }) = &self.outage else { return Ok(()) };
        let (segment, len_bytes) = cut.unwrap_or((self.next_index, 0));
        let cut = Cut {
            time: rfc3339_ms(SystemTime::now()),
            segment,
            len_bytes,
            step: failure.step.name().into(),
            errno: failure.source.raw_os_error(),
        };
        let mut salt = [0; SALT_LEN];
        self.rng.fill(&mut salt).map_err(|_| io::Error::other("no random bytes"))?;
        let place = Place { index: self.next_index, commit: self.next_index };
        self.lines.clear();
        push_line(&mut self.lines, place, &salt, &Content::Note(Event::Cut(cut)))
            .map_err(|_| io::ErrorKind::InvalidData)?;
        let begun = Segment::begin(&self.disk, self.next_index, &self.lines, None);
        self.segment = Some(begun.map_err(NotBegun::into_error)?);
        self.shared.seal.set_active(self.next_index);
        let first_index = self.next_index;
        self.next_index += 1;
        self.shared.note_commit(self.next_index, Duration::ZERO, SystemTime::now());
        self.observer.durable(&Commit { first_index, bytes: &self.lines });
        Ok(())
    }

    /// Writes all who wait, which are notes, although there is an outage.
    pub(super) fn commit_notes(&mut self) {
        let outage = self.outage.take();
        let (taken, _) = self.gather();
        if taken > 0 && self.segment.is_some() {
            self.commit(taken);
        }
        self.waiting.clear();
        // A further fault has begun an outage of its own.
        if self.outage.is_none()
            && let Some(outage) = outage
        {
            self.shared.set_health(Health::Degraded { cause: outage.failure.clone() });
            self.outage = Some(outage);
        }
    }

    /// Whether the segment is still where the next start will look for it.
    pub(super) fn check_place(&mut self) {
        let Some(segment) = &self.segment else { return };
        let name = name_of(segment.first_index);
        match uninterrupted(|| self.disk.holds(&name, &segment.file)) {
            // A fault of its own will show with the next write.
            Ok(true) | Err(_) => {}
            Ok(false) => {
                let error = io::Error::other("it was deleted, moved or replaced");
                let failure = self.failure(&name, Step::Removed, error);
                self.begin_outage(failure.clone(), None);
                self.shared.set_health(Health::Failed { cause: failure });
                self.segment = None;
            }
        }
    }

    /// Takes room on the disk while there is some.
    pub(super) fn hold_reserve(&mut self) -> io::Result<()> {
        if self.reserve == Reserve::Released {
            make_reserve(&self.disk, self.options.reserve_bytes)?;
            self.reserve = Reserve::Held;
        }
        Ok(())
    }

    pub(super) fn release_reserve(&mut self) {
        if self.reserve == Reserve::Held && uninterrupted(|| self.disk.remove(RESERVE)).is_ok() {
            self.reserve = Reserve::Released;
        }
    }
}

/// Takes `len_bytes` of the disk that can be given back when it is full.
pub(in crate::audit) fn make_reserve<D: Disk>(disk: &D, len_bytes: u64) -> io::Result<()> {
    let mut file = segment::create_anew(disk, RESERVE)?;
    uninterrupted(|| file.allocate(len_bytes)).inspect_err(|_| {
        // A part of it would only make the disk fuller.
        let _ = disk.remove(RESERVE);
    })
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Room on the disk for what must be said when it is full.
pub(in crate::audit) const RESERVE: &str = "reserve";
