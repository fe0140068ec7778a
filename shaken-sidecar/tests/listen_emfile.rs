//! A listener that is out of file descriptors waits for better times. Alone in its process, for the
//! limit is the process's.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shaken_sidecar::listen::UnixListen;
use tokio::io::AsyncWriteExt as _;

const HELD_BACK: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_listener_survives_running_out_of_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shaken.sock");
    let listen = UnixListen::bind(&path, 0o600, None).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();

    // Before the server runs, so that it meets them with no descriptor left.
    let mut clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let usual = getrlimit(Resource::Nofile);
    // The lowest free number: with that as the limit there is no next one.
    let next = File::open("/dev/null").unwrap().as_raw_fd().unsigned_abs();
    setrlimit(Resource::Nofile, Rlimit { current: Some(next.into()), ..usual }).unwrap();
    assert!(File::open("/dev/null").is_err(), "the limit holds");

    let server = tokio::spawn(listen.serve(
        |mut stream, _| async move {
            stream.write_all(b"x").await.unwrap();
        },
        async move {
            let _ = stopped.await;
        },
        Duration::from_secs(10),
    ));
    tokio::time::sleep(HELD_BACK).await;
    setrlimit(Resource::Nofile, usual).unwrap();

    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    stop.send(()).unwrap();
    let served = server.await.unwrap();
    assert_eq!(served.accepted, 3);
    println!("{} failed accepts in {HELD_BACK:?}", served.accept_errors);
    assert!((1..20).contains(&served.accept_errors), "{} failed accepts", served.accept_errors);
}
