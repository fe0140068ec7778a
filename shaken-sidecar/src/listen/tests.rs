use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener as StdListener, UnixStream as StdStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

struct Place {
    dir: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shaken.sock");
    Place { dir, path }
}

impl Place {
    fn bind(&self) -> Result<UnixListen, ListenError> {
        UnixListen::bind(&self.path, 0o660, None)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A server that answers one byte with the same byte, until its client closes.
struct Echo {
    stop: oneshot::Sender<()>,
    server: JoinHandle<Served>,
}

impl Echo {
    fn start(listen: UnixListen, drain: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        Self { stop, server: tokio::spawn(listen.serve(|stream, _| echo(stream), shutdown, drain)) }
    }

    async fn stop(self) -> Served {
        let _ = self.stop.send(());
        self.server.await.unwrap()
    }
}

async fn echo(mut stream: LocalStream) {
    let mut byte = [0];
    while stream.read(&mut byte).await.unwrap() > 0 {
        stream.write_all(&byte).await.unwrap();
    }
}

async fn ask(mut client: StdStream, wait: Duration) -> io::Result<StdStream> {
    tokio::task::spawn_blocking(move || {
        client.set_read_timeout(Some(wait))?;
        client.write_all(b"x")?;
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        Ok(client)
    })
    .await
    .unwrap()
}

const SOON: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn the_file_has_the_mode_and_group_asked_for() {
    for mode in [0o600, 0o660, 0o666, 0o777] {
        let place = place();
        // As root any group; else only our own can be given.
        let gid =
            if rustix::process::geteuid().is_root() { 4711 } else { rustix::process::getegid().as_raw() };
        let listen = UnixListen::bind(&place.path, mode, Some(&Group::Id(gid))).unwrap();
        assert_eq!(listen.path(), place.path);
        let metadata = fs::symlink_metadata(&place.path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.gid()), (mode, gid));
        assert_eq!(place.names(), ["shaken.sock"], "nothing else is left in the directory");
    }
}

/// Looks at the directory all the while sockets are bound in it: what is at the path is only ever
/// narrow, and what it is made in is closed.
#[tokio::test]
async fn the_file_is_never_wider_than_asked_for() {
    let place = place();
    let done = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (dir, path, done) = (place.dir.path().to_owned(), place.path.clone(), Arc::clone(&done));
        move || {
            let (mut seen, mut refused) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                if let Ok(metadata) = fs::symlink_metadata(&path) {
                    assert_eq!(metadata.mode() & 0o7777, 0o600);
                    seen += 1;
                    // The file may go away in between, but while it is there it accepts.
                    match StdStream::connect(&path) {
                        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused += 1,
                        _ => {}
                    }
                }
                for entry in fs::read_dir(&dir).unwrap().flatten() {
                    if let Ok(metadata) = entry.metadata()
                        && metadata.is_dir()
                    {
                        assert_eq!(metadata.mode() & 0o7777, 0o700);
                    }
                }
            }
            (seen, refused)
        }
    });
    for _ in 0..500 {
        drop(UnixListen::bind(&place.path, 0o600, None).unwrap());
    }
    done.store(true, Ordering::Relaxed);
    let (seen, refused) = watcher.join().unwrap();
    assert!(seen > 0);
    // Only a connection that was on its way while the listener was dropped.
    assert!(refused * 10 <= seen, "{refused} of {seen} connections refused");
}

#[tokio::test]
async fn a_group_is_found_by_name_or_refused() {
    let place = place();
    let own = nix::unistd::Group::from_gid(nix::unistd::getegid()).unwrap().unwrap();
    let listen = UnixListen::bind(&place.path, 0o660, Some(&Group::Name(own.name))).unwrap();
    assert_eq!(fs::metadata(&place.path).unwrap().gid(), own.gid.as_raw());
    drop(listen);

    let unknown = Group::Name("no-such-group".into());
    let refused = UnixListen::bind(&place.path, 0o660, Some(&unknown)).unwrap_err();
    assert!(matches!(&refused, ListenError::UnknownGroup { name } if name == "no-such-group"), "{refused}");
    assert!(place.names().is_empty());
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    for path in ["shaken.sock", "@shaken", "\0shaken", "", "/", "/run/.."] {
        let refused = UnixListen::bind(Path::new(path), 0o660, None).unwrap_err();
        assert!(matches!(refused, ListenError::NotAbsolute { .. }), "{path:?}: {refused}");
    }
    let place = place();
    let refused = UnixListen::bind(&place.path, 0o4660, None).unwrap_err();
    assert!(matches!(refused, ListenError::BadMode { mode: 0o4660 }), "{refused}");
    let refused = UnixListen::bind(&place.path.join("under/a.sock"), 0o660, None).unwrap_err();
    assert!(matches!(refused, ListenError::Io { action: "create a directory in", .. }), "{refused}");

    let room = MAX_PATH_LEN - place.dir.path().as_os_str().len() - 1;
    let longest = place.dir.path().join("x".repeat(room));
    drop(UnixListen::bind(&longest, 0o660, None).unwrap());
    let refused = UnixListen::bind(&place.dir.path().join("x".repeat(room + 1)), 0o660, None).unwrap_err();
    assert!(
        matches!(refused, ListenError::PathTooLong { len_bytes, .. } if len_bytes == MAX_PATH_LEN + 1),
        "{refused}"
    );
    assert!(place.names().is_empty());
}

#[tokio::test]
async fn a_live_socket_is_left_alone() {
    let place = place();
    let first = Echo::start(place.bind().unwrap(), SOON);
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::InUse { .. }), "{refused}");
    assert_eq!(place.names(), ["shaken.sock"]);
    let client = ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap();
    drop(client);
    first.stop().await;
}

/// A listener that hangs, with its backlog full, is alive; looking at it must not hang either.
#[tokio::test]
async fn a_live_socket_with_a_full_backlog_is_left_alone() {
    let place = place();
    let listener = socket_with_backlog(&place.path, 0);
    let flags = rustix::net::SocketFlags::NONBLOCK;
    let address = rustix::net::SocketAddrUnix::new(&place.path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let (family, kind) = (rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM);
        let client = rustix::net::socket_with(family, kind, flags, None).unwrap();
        match rustix::net::connect(&client, &address) {
            Ok(()) => waiting.push(client),
            Err(errno) => {
                assert_eq!(errno, rustix::io::Errno::AGAIN);
                break;
            }
        }
    }
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::InUse { .. }), "{refused}");
    drop(listener);
}

fn socket_with_backlog(path: &Path, backlog: i32) -> std::os::fd::OwnedFd {
    let (family, kind) = (rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM);
    let socket = rustix::net::socket(family, kind, None).unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(path).unwrap()).unwrap();
    rustix::net::listen(&socket, backlog).unwrap();
    socket
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let place = place();
    drop(StdListener::bind(&place.path).unwrap());
    let stale = fs::symlink_metadata(&place.path).unwrap().ino();
    let echo = Echo::start(place.bind().unwrap(), SOON);
    assert_ne!(fs::symlink_metadata(&place.path).unwrap().ino(), stale);
    assert_eq!(place.names(), ["shaken.sock"]);
    drop(ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap());
    echo.stop().await;
}

#[tokio::test]
async fn what_is_not_a_stale_socket_is_never_deleted() {
    let place = place();
    fs::write(&place.path, "keep me").unwrap();
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::NotASocket { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "keep me");
    assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o7777, 0o640);
    fs::remove_file(&place.path).unwrap();

    fs::create_dir(&place.path).unwrap();
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::NotASocket { .. }), "{refused}");
    fs::remove_dir(&place.path).unwrap();

    let target = place.dir.path().join("target");
    drop(StdListener::bind(&target).unwrap());
    symlink(&target, &place.path).unwrap();
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::NotASocket { .. }), "{refused}");
    assert!(fs::symlink_metadata(&place.path).unwrap().is_symlink());
    fs::remove_file(&place.path).unwrap();
    fs::remove_file(&target).unwrap();

    let datagrams = UnixDatagram::bind(&place.path).unwrap();
    let refused = place.bind().unwrap_err();
    assert!(matches!(refused, ListenError::Io { .. }), "{refused}");
    drop(datagrams);
    assert_eq!(place.names(), ["shaken.sock"]);
}

/// Of two that start at once over a stale file one gets the path, and keeps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_binders_wins() {
    for _ in 0..300 {
        let place = Arc::new(place());
        drop(StdListener::bind(&place.path).unwrap());
        let together = Arc::new(std::sync::Barrier::new(2));
        let binders = [(); 2].map(|()| {
            let (place, together) = (Arc::clone(&place), Arc::clone(&together));
            tokio::spawn(async move {
                together.wait();
                place.bind()
            })
        });
        let mut winners = Vec::new();
        for binder in binders {
            match binder.await.unwrap() {
                Ok(listen) => winners.push(listen),
                Err(refused) => assert!(
                    matches!(refused, ListenError::InUse { .. } | ListenError::Io { .. }),
                    "{refused}"
                ),
            }
        }
        assert_eq!(winners.len(), 1);
        let echo = Echo::start(winners.remove(0), SOON);
        drop(ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap());
        echo.stop().await;
        assert!(place.names().is_empty());
    }
}

#[tokio::test]
async fn each_connection_comes_with_its_peer() {
    let place = place();
    let (found, peer) = oneshot::channel();
    let found = std::sync::Mutex::new(Some(found));
    let stop = Notify::new();
    let listen = place.bind().unwrap();
    let serving = listen.serve(
        |_, peer| {
            found.lock().unwrap().take().unwrap().send(peer).unwrap();
            std::future::ready(())
        },
        stop.notified(),
        SOON,
    );
    let client = async {
        let client = StdStream::connect(&place.path).unwrap();
        let peer = peer.await.unwrap();
        drop(client);
        stop.notify_one();
        peer
    };
    let (served, peer) = tokio::join!(serving, client);
    let expected = Peer {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: Some(std::process::id()),
    };
    assert_eq!(peer, expected);
    assert_eq!(served.accepted, 1);
}

#[tokio::test]
async fn connections_over_the_cap_wait_their_turn() {
    let place = place();
    let listen = place.bind().unwrap().with_max_connections(NonZeroUsize::new(2).unwrap());
    let echo = Echo::start(listen, SOON);
    let first = ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap();
    let second = ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap();
    let third = StdStream::connect(&place.path).unwrap();
    let waiting = third.try_clone().unwrap();
    let refused = ask(waiting, SHORT).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock, "no answer while two are open");
    drop(first);
    let third = ask(third, SOON).await.unwrap();
    drop((second, third));
    assert_eq!(echo.stop().await.accepted, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_the_cap_run_at_once() {
    let place = place();
    let listen = place.bind().unwrap().with_max_connections(NonZeroUsize::new(8).unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = tokio::spawn({
        let most = Arc::clone(&most);
        let handler = move |stream, _| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                echo(stream).await;
                running.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let shutdown = async move {
            let _ = stopped.await;
        };
        listen.serve(handler, shutdown, SOON)
    });
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let path = place.path.clone();
            tokio::spawn(async move { drop(ask(StdStream::connect(path).unwrap(), SOON).await.unwrap()) })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    stop.send(()).unwrap();
    assert_eq!(server.await.unwrap().accepted, 200);
    assert_eq!(most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn shutdown_stops_accepting_and_waits_for_what_runs() {
    let place = place();
    let echo = Echo::start(place.bind().unwrap(), SOON);
    let client = ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap();
    let Echo { stop, server } = echo;
    stop.send(()).unwrap();
    while place.path.exists() {
        tokio::task::yield_now().await;
    }
    let refused = StdStream::connect(&place.path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    // Still served, though nobody new is.
    let client = ask(client, SOON).await.unwrap();
    assert!(!server.is_finished());
    drop(client);
    let served = server.await.unwrap();
    assert_eq!(served, Served { accepted: 1, ..Served::default() });
}

#[tokio::test]
async fn the_drain_ends_at_its_deadline() {
    let place = place();
    let echo = Echo::start(place.bind().unwrap(), SHORT);
    let client = ask(StdStream::connect(&place.path).unwrap(), SOON).await.unwrap();
    let started = Instant::now();
    let served = echo.stop().await;
    assert!(started.elapsed() >= SHORT);
    assert_eq!((served.accepted, served.aborted), (1, 1));
    assert!(ask(client, SOON).await.is_err(), "the connection was closed");
}

#[tokio::test]
async fn a_panic_ends_its_connection_only() {
    let place = place();
    let stop = Notify::new();
    let is_first = AtomicBool::new(true);
    let serving = place.bind().unwrap().serve(
        |stream, _| {
            let panics = is_first.swap(false, Ordering::SeqCst);
            async move {
                assert!(!panics, "asked to panic");
                echo(stream).await;
            }
        },
        stop.notified(),
        SOON,
    );
    let clients = async {
        let broken = ask(StdStream::connect(&place.path).unwrap(), SOON).await;
        let served = ask(StdStream::connect(&place.path).unwrap(), SOON).await;
        assert!(broken.is_err());
        drop(served.unwrap());
        stop.notify_one();
    };
    let (served, ()) = tokio::join!(serving, clients);
    assert_eq!(served, Served { accepted: 2, panicked: 1, ..Served::default() });
}

#[tokio::test]
async fn only_our_own_file_is_removed_at_the_end() {
    let place = place();
    let echo = Echo::start(place.bind().unwrap(), SOON);
    fs::remove_file(&place.path).unwrap();
    fs::write(&place.path, "someone else's").unwrap();
    echo.stop().await;
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "someone else's");
    fs::remove_file(&place.path).unwrap();

    drop(place.bind().unwrap());
    assert!(place.names().is_empty());
}

#[test]
fn accept_pauses_only_for_errors_that_last() {
    let error = |errno: rustix::io::Errno| io::Error::from(errno);
    for passing in [rustix::io::Errno::CONNABORTED, rustix::io::Errno::INTR] {
        assert_eq!(pause_after(&error(passing), LONGEST_PAUSE), Duration::ZERO);
    }
    for lasting in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOMEM] {
        let mut pause = Duration::ZERO;
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                pause = pause_after(&error(lasting), pause);
                pause.as_millis()
            })
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 250, 250]);
    }
}
