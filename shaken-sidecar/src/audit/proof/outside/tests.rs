use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::super::hash::TreeHash;
use super::super::tests::{again, key, leaf};
use super::super::{Key, Origin};
use super::*;
use crate::endpoint::EndpointError;

fn checkpoint(key: &Key, size: u64) -> Checkpoint {
    Checkpoint::sign(key, size, leaf(size))
}

/// The size of each line's checkpoint, nothing for a line that is none of this log.
fn sizes(path: &Path, key: &Key, tail_bytes: u64) -> Vec<Option<u64>> {
    let file = OutsideFile::open_tail(path, key.verifier(), tail_bytes).unwrap();
    file.into_iter().flatten().map(|line| line.unwrap().map(|checkpoint| checkpoint.size())).collect()
}

fn newest(path: &Path, key: &Key) -> Option<Checkpoint> {
    OutsideFile::newest(path, key.verifier()).unwrap()
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn endpoint(url: &str) -> Result<Endpoint, EndpointError> {
    Endpoint::parse(url, trusting(RootCertStore::empty()))
}

#[test]
fn a_file_gets_a_line_for_each_checkpoint_and_may_be_shared() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outside");
    let (key, other) = (key(), Key::generate(Origin::parse("other.example").unwrap()).unwrap());
    assert_eq!(newest(&path, &key), None);
    let outside = Outside::File { path: path.clone() };
    for (of, size) in [(&key, 1), (&other, 7), (&key, 5), (&key, 3)] {
        outside.push(&checkpoint(of, size)).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.is_ascii() && text.lines().count() == 4 && text.starts_with("{\"checkpoint\":\"voice."));
    assert_eq!(sizes(&path, &key, u64::MAX), [Some(1), None, Some(5), Some(3)]);
    assert_eq!(newest(&path, &key), Some(checkpoint(&key, 5)), "byte for byte");
    assert_eq!(newest(&path, &other).unwrap().size(), 7);
    // The lines that begin in the tail, and no half one.
    for tail_bytes in 0..text.len() {
        let begun = text[text.len() - tail_bytes - 1..].trim_end_matches('\n').matches('\n').count();
        assert_eq!(sizes(&path, &key, tail_bytes as u64).len(), begun, "{tail_bytes}");
    }
    assert!(Outside::File { path: dir.path().join("no/such") }.push(&checkpoint(&key, 1)).is_err());
}

/// The process may be killed, or the power go, after any byte of a line.
#[test]
fn a_torn_line_costs_itself_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outside");
    let key = key();
    let outside = Outside::File { path: path.clone() };
    outside.push(&checkpoint(&key, 1)).unwrap();
    let first = fs::read(&path).unwrap();
    outside.push(&checkpoint(&key, 2)).unwrap();
    let both = fs::read(&path).unwrap();
    for cut in first.len()..both.len() {
        fs::write(&path, &both[..cut]).unwrap();
        // Without its newline a line may be whole.
        let seen = if cut == both.len() - 1 { 2 } else { 1 };
        assert_eq!(newest(&path, &key).unwrap().size(), seen, "cut at {cut}");
        outside.push(&checkpoint(&key, 3)).unwrap();
        assert_eq!(newest(&path, &key).unwrap().size(), 3, "cut at {cut}");
    }
}

/// However much of the file is others', or no text at all.
#[test]
fn the_newest_checkpoint_is_found_behind_megabytes_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outside");
    let (key, other) = (key(), Key::generate(Origin::parse("other.example").unwrap()).unwrap());
    let others = format!("{}\n", line(&checkpoint(&other, 7)));
    let garbage = vec![0xFF; 2_000_000];
    let ours = format!("\n{}\n{}\n", line(&checkpoint(&key, 9)), line(&checkpoint(&key, 8)));
    fs::write(&path, [&garbage, ours.as_bytes(), others.repeat(10_000).as_bytes(), &garbage].concat())
        .unwrap();
    assert_eq!(newest(&path, &key), Some(checkpoint(&key, 9)));
    assert_eq!(newest(&path, &Key::generate(Origin::parse("third.example").unwrap()).unwrap()), None);
}

#[test]
fn syslog_gets_one_datagram() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("log");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let key = key();
    let outside = Outside::Syslog { socket };
    outside.push(&checkpoint(&key, 9)).unwrap();
    let mut datagram = [0; 4096];
    let len = daemon.recv(&mut datagram).unwrap();
    let message = str::from_utf8(&datagram[..len]).unwrap();
    let (head, line) = message.split_once(": ").unwrap();
    assert_eq!(head, format!("<85>shaken[{}]", std::process::id()));
    fs::write(dir.path().join("copy"), line).unwrap();
    assert_eq!(newest(&dir.path().join("copy"), &key), Some(checkpoint(&key, 9)));
    drop(daemon);
    assert!(outside.push(&checkpoint(&key, 10)).is_err());
}

/// Reads one request and gives its head and body.
fn request(stream: &mut impl std::io::Read) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            len = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// A server on loopback that hands every connection to `serve`.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    port
}

#[test]
fn a_server_gets_the_note() {
    let (sender, received) = mpsc::channel();
    let port = server(move |mut stream| {
        let (head, body) = request(&mut stream);
        let status = if head.contains("/full") { "507 Insufficient Storage" } else { "201 Created" };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
        sender.send((head, body)).unwrap();
    });
    let key = key();
    let post = |path: &str| {
        let endpoint = endpoint(&format!("http://127.0.0.1:{port}{path}")).unwrap();
        Outside::Http(endpoint).push(&checkpoint(&key, 9))
    };
    post("/audit?log=1").unwrap();
    let (head, body) = received.recv().unwrap();
    assert!(head.starts_with("POST /audit?log=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains(&format!("host: 127.0.0.1:{port}\r\n")), "{head}");
    assert!(head.contains("text/plain; charset=utf-8"), "{head}");
    assert_eq!(Checkpoint::parse(body.as_bytes(), key.verifier()).unwrap(), checkpoint(&key, 9));
    let told = post("/full").unwrap_err();
    assert!(told.contains("507"), "{told}");
    assert!(http::post(&endpoint("http://127.0.0.1:1/").unwrap(), "").is_err());
}

#[test]
fn a_server_is_known_by_its_certificate() {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private).unwrap();
    let config = Arc::new(config);
    let port = server(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        // Whoever does not trust us ends here.
        if stream.conn.complete_io(&mut stream.sock).is_ok() {
            request(&mut stream);
            write!(stream, "HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(ca_cert.der().clone()).unwrap();
    let key = key();
    let url = |host: &str| format!("https://{host}:{port}/audit");
    let known = Endpoint::parse(&url("localhost"), trusting(roots.clone())).unwrap();
    Outside::Http(known).push(&checkpoint(&key, 9)).unwrap();
    let other_name = Endpoint::parse(&url("127.0.0.1"), trusting(roots)).unwrap();
    assert!(Outside::Http(other_name).push(&checkpoint(&key, 9)).is_err());
    let unknown = endpoint(&url("localhost")).unwrap();
    assert!(Outside::Http(unknown).push(&checkpoint(&key, 9)).is_err());
}

/// While the server sits on the first checkpoint, three more come: it gets the newest next, and nobody
/// but the thread of this place has waited.
#[test]
fn the_newest_waiting_checkpoint_wins() {
    let (answer, answers) = mpsc::channel::<&str>();
    let (sender, received) = mpsc::channel();
    let port = server(move |mut stream| {
        sender.send(request(&mut stream).1).unwrap();
        let status = answers.recv().unwrap();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let key = key();
    let endpoint = endpoint(&format!("http://localhost:{port}/hook/s3cret")).unwrap();
    let pusher = Pusher::start(Outside::Http(endpoint), Duration::from_millis(20)).unwrap();
    let next = || Checkpoint::parse(received.recv().unwrap().as_bytes(), key.verifier()).unwrap().size();

    pusher.push(checkpoint(&key, 1));
    assert_eq!(next(), 1);
    let started = Instant::now();
    (2..=4).for_each(|size| pusher.push(checkpoint(&key, size)));
    pusher.drain(Instant::now() + Duration::from_millis(50));
    assert!(started.elapsed() < Duration::from_secs(5), "the wait has its end");
    assert_eq!(pusher.state().pushed, 0);
    answer.send("200 OK").unwrap();
    assert_eq!(next(), 4);

    // Refused: it is sent again, unless a newer one has come.
    answer.send("503 Service Unavailable").unwrap();
    assert_eq!(next(), 4);
    let state = pusher.state();
    assert_eq!((state.size, state.pushed, state.failures), (Some(1), 1, 1));
    assert!(state.last_error.unwrap().contains("503"));
    pusher.push(checkpoint(&key, 5));
    answer.send("503 Service Unavailable").unwrap();
    assert_eq!(next(), 5);
    answer.send("200 OK").unwrap();
    pusher.drain(Instant::now() + Duration::from_secs(20));
    let state = pusher.state();
    assert_eq!((state.size, state.pushed, state.failures, state.last_error), (Some(5), 2, 2, None));
    assert_eq!(state.target, format!("http://localhost:{port}"), "no path, which may be a secret");
}

#[test]
fn the_line_is_the_note_and_nothing_else() {
    let key = again(&Key::generate(Origin::parse("voix.exemple.example/é/\u{1F600}").unwrap()).unwrap());
    let checkpoint = Checkpoint::sign(&key, 1, TreeHash::EMPTY);
    let line = line(&checkpoint);
    assert!(line.is_ascii() && !line.contains('\n'), "{line}");
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json, serde_json::json!({ "checkpoint": checkpoint.note() }));
}
