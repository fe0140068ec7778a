//! Many clients in one thread, each with a connection of its own. They share the processors with the daemon, so
//! they are woken for answers only, and by a timer that keeps time: one that goes by milliseconds would send
//! calls in heaps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rustix::fd::OwnedFd;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use shaken_benches::Tenths;

use crate::answers::{Answers, Came};
use crate::call::Asked;
use crate::daemon::Daemon;
use crate::door::{Connection, Raw};
use crate::run::{Load, Pace, Plans};

/// All calls of `load`; their answers are added to `answers`.
pub(crate) fn calls(
    daemon: &Daemon,
    plans: &Plans<'_>,
    load: &Load,
    pace: Pace,
    answers: &mut Answers<'_>,
) -> Tenths {
    let mut clients = Clients::open(daemon, load);
    let mut requests = Vec::new();
    let (started, mut tenths) = (Instant::now(), Tenths::start());
    let end = started + load.length;
    let mut next: u64 = 0;
    loop {
        let mut look_at = Instant::now() + LOOK;
        while let Some(place) = clients.idle.front().copied() {
            let now = Instant::now();
            // What is sent at once is due one behind the other.
            let due = |n: usize| match pace {
                Pace::Peak => now,
                Pace::Rate(rate) => started + Duration::from_secs_f64((next + n as u64) as f64 / rate),
            };
            let all_due = due(load.depth - 1);
            if now >= end || all_due >= end {
                if clients.idle.len() == load.connections {
                    return tenths;
                }
                break;
            }
            if all_due > now {
                look_at = look_at.min(all_due);
                break;
            }
            clients.idle.pop_front();
            requests.clear();
            for n in 0..load.depth {
                let planned = plans.next();
                load.door.write(load.op, &planned, &mut requests);
                clients.each[place].waiting.push_back((planned.asked, due(n)));
            }
            next += load.depth as u64;
            clients.send(place, &requests);
        }
        for place in clients.wait(look_at) {
            clients.receive(place, answers);
        }
        tenths.look();
    }
}

struct Clients<'d> {
    daemon: &'d Daemon,
    load: Load,
    epoll: Epoll,
    timer: OwnedFd,
    each: Vec<Client>,
    /// Those that wait for nothing, the one that has done so for longest in front.
    idle: VecDeque<usize>,
}

struct Client {
    connection: Connection,
    waiting: VecDeque<(Asked, Instant)>,
    sent: Instant,
}

impl<'d> Clients<'d> {
    fn open(daemon: &'d Daemon, load: &Load) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll");
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC);
        let timer = timer.expect("a timer");
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER)).expect("a timer to wait for");
        let (each, idle) = (Vec::new(), (0..load.connections).collect());
        let mut clients = Self { daemon, load: *load, epoll, timer, each, idle };
        clients.each = (0..load.connections).map(|place| clients.client(place)).collect();
        clients
    }

    fn client(&self, place: usize) -> Client {
        let connection = Connection::open(self.load.door, &self.daemon.lab()).expect("a connection");
        let event = EpollEvent::new(EpollFlags::EPOLLIN, place as u64);
        self.epoll.add(connection.stream(), event).expect("a connection to wait for");
        Client { connection, waiting: VecDeque::new(), sent: Instant::now() }
    }

    fn send(&mut self, place: usize, requests: &[u8]) {
        let client = &mut self.each[place];
        client.sent = Instant::now();
        // That the connection is gone is told by reading.
        let _ = client.connection.send(requests);
    }

    /// Those that have something to read, until a moment at most.
    fn wait(&self, until: Instant) -> Vec<usize> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let it_value = Timespec::try_from(left).expect("a moment");
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        rustix::time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).expect("a timer");
        let mut events = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut events, EpollTimeout::NONE).expect("events");
        let events = events[..count].iter().map(EpollEvent::data);
        events.filter(|data| *data != TIMER).map(|data| data as usize).collect()
    }

    fn receive(&mut self, place: usize, answers: &mut Answers<'_>) {
        let client = &mut self.each[place];
        let Client { connection, waiting, sent } = client;
        let came = |(asked, due_at): (Asked, Instant)| {
            let (from_due, from_sent) = (due_at.elapsed(), sent.elapsed());
            Came { asked, sent: *sent, from_due, from_sent }
        };
        let is_open = connection.fill().is_ok_and(|len| len > 0);
        let is_idle = waiting.is_empty();
        while let Some(first) = waiting.front() {
            let Some(raw) = connection.take() else { break };
            answers.take(came(*first), raw);
            waiting.pop_front();
        }
        if !is_open {
            waiting.drain(..).for_each(|left| answers.take(came(left), Raw::Other(b"the connection ended")));
            // Dropping the old one takes it out of the epoll.
            self.each[place] = self.client(place);
        }
        if !is_idle && self.each[place].waiting.is_empty() {
            self.idle.push_back(place);
        }
    }
}

/// No place of a client.
const TIMER: u64 = u64::MAX;

/// How often it is looked at what the host takes.
const LOOK: Duration = Duration::from_millis(20);
