//! `shaken demo`: the whole of it with no set-up. A lab STI-CA, a certificate repository over
//! https, the real daemon as a process of its own, one call signed and verified through its
//! socket, three bad ones refused, and the records of all of them.

mod message;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shaken_core::passport::{base, segments, shaken};
use shaken_core::sip::Parties;
use shaken_core::{Attest, OrigId, Signer, TelephoneNumber, key, sign};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use self::message::Message;
use super::client;
use super::input::{Output, clock, note, read};
use super::lab::failure;
use super::serve::stop_signal;
use super::{Exit, Failure};
use crate::audit;
use crate::lab::{DownloadCount, Lab, LabOptions, Repository};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Leave everything running until interrupted, and print curl lines that work
    #[arg(long)]
    keep: bool,
}

/// The call of the demo. Numbers that are nobody's (NANP 555-0100 to 555-0199).
const CALLER: &str = "12155550121";
const CALLED: &str = "12155550131";
const STRANGER: &str = "12155550199";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Unavailable, format_args!("cannot start: {error}")))?;
    runtime.block_on(async {
        // Before anything is there that would stay behind.
        let mut stop = pin!(stop_signal()?);
        let folder = Folder::create()?;
        let scene = tokio::select! {
            scene = Scene::set_up(&folder.0) => scene?,
            () = &mut stop => return Err(interrupted()),
        };
        let played = tokio::select! {
            played = play(&scene) => played,
            () = &mut stop => Err(interrupted()),
        };
        if played.is_ok() && args.keep {
            print_curl_lines(&scene)?;
            stop.await;
        }
        scene.tear_down().await?;
        played
    })
}

fn interrupted() -> Failure {
    Failure::new(Exit::Unavailable, "interrupted")
}

/// A folder of our own that goes away with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Failure> {
        let name = OrigId::random().map_err(|error| Failure::new(Exit::Unavailable, error))?;
        let path = std::env::temp_dir().join(format!("shaken-demo-{}", &name.as_str()[..8]));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::new(Exit::Io, format_args!("cannot make {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            note(format_args!("{} stays behind: {error}", self.0.display()));
        }
    }
}

/// The running parts: a certificate repository in this process, the daemon in another.
struct Scene {
    lab: Lab,
    downloads: DownloadCount,
    daemon: Child,
    stop_repository: oneshot::Sender<()>,
}

impl Scene {
    async fn set_up(folder: &Path) -> Result<Self, Failure> {
        let lab =
            Lab::create(&folder.join("lab"), &LabOptions::default(), SystemTime::now()).map_err(failure)?;
        let repository = Repository::bind(&lab, ([127, 0, 0, 1], 0).into()).await.map_err(failure)?;
        let config = lab.config_toml(repository.local_addr(), rustix::process::geteuid().as_raw());
        let write_failed =
            |error| Failure::new(Exit::Io, format_args!("cannot write in {}: {error}", folder.display()));
        std::fs::write(lab.config_path(), config).map_err(write_failed)?;

        let downloads = repository.downloads();
        let (stop_repository, stopped) = oneshot::channel();
        tokio::spawn(repository.serve(async { drop(stopped.await) }));

        let log = std::fs::File::create(folder.join("daemon.log")).map_err(write_failed)?;
        let daemon = std::env::current_exe()
            .and_then(|program| {
                Command::new(program)
                    .args(["serve", "--config"])
                    .arg(lab.config_path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(log)
                    .kill_on_drop(true)
                    .spawn()
            })
            .map_err(|error| {
                Failure::new(Exit::Unavailable, format_args!("cannot start the daemon: {error}"))
            })?;
        let mut scene = Self { lab, downloads, daemon, stop_repository };
        scene.wait_until_ready(folder).await?;
        Ok(scene)
    }

    async fn wait_until_ready(&mut self, folder: &Path) -> Result<(), Failure> {
        let patience = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.socket()).await.is_err() {
            let ended = self.daemon.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > patience {
                let log = std::fs::read_to_string(folder.join("daemon.log")).unwrap_or_default();
                return Err(Failure::new(
                    Exit::Unavailable,
                    format_args!("the daemon did not start:\n{log}"),
                ));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.lab.dir().join("shaken.sock")
    }

    /// Ends the daemon as an init system would and waits for it.
    async fn tear_down(mut self) -> Result<(), Failure> {
        let pid =
            self.daemon.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // If it has ended already, waiting tells.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let ended = self.daemon.wait().await;
        let _ = self.stop_repository.send(());
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                Err(Failure::new(Exit::Unavailable, format_args!("the daemon ended with {status}")))
            }
            Err(error) => Err(Failure::new(Exit::Unavailable, format_args!("the daemon is lost: {error}"))),
        }
    }

    /// One request to the daemon.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = client::post(&self.socket(), path, body).await;
        let (_, answer) = answer.map_err(|error| Failure::new(Exit::Unavailable, error))?;
        Ok(answer)
    }

    async fn sign(&self, message: &Message, attest: &str) -> Result<Value, Failure> {
        let parties = message.parties()?;
        let request = json!({ "signingRequest": {
            "attest": attest,
            "orig": { "tn": parties.orig().as_str() },
            "dest": { "tn": numbers(&parties) },
            "iat": parties.date(),
        } });
        let answer = self.post("/stir/v1/signing", &request).await?;
        unwrap(answer, "signingResponse")
    }

    async fn verify(&self, message: &Message) -> Result<Value, Failure> {
        let parties = message.parties()?;
        let request = json!({ "verificationRequest": {
            "from": { "tn": parties.orig().as_str() },
            "to": { "tn": numbers(&parties) },
            "time": parties.date(),
            "identity": message.identity()?,
        } });
        let answer = self.post("/stir/v1/verification", &request).await?;
        unwrap(answer, "verificationResponse")
    }

    /// A PASSporT that was good two minutes ago; the daemon itself would not sign it.
    fn sign_stale(&self) -> Result<String, Failure> {
        let bad = |error| Failure::new(Exit::BadData, error);
        let chain = read(&self.lab.dir().join("provider.pem"))?;
        let key = key::signing_key_from_pem(&read(&self.lab.dir().join("provider.key"))?).map_err(bad)?;
        let signer = Signer::new(key, &chain, &self.lab.x5u()).map_err(bad)?;
        let number = |text: &str| TelephoneNumber::parse(text).map_err(bad);
        let dest = [number(CALLED)?.into()];
        let origid = OrigId::random().map_err(bad)?;
        let iat = u64::try_from(clock() - 120).unwrap_or_default();
        let claims = base::NewClaims::new(number(CALLER)?.into(), &dest, iat).map_err(bad)?;
        let claims = shaken::NewClaims::new(claims, Attest::A, origid.as_str()).map_err(bad)?;
        let mut buffer = vec![0; sign::MAX_HEADER_LEN];
        signer.sign(&claims, &mut buffer).map(str::to_owned).map_err(bad)
    }
}

fn numbers(parties: &Parties<'_>) -> Vec<String> {
    parties.dest().iter().map(|party| party.as_str().to_owned()).collect()
}

fn unwrap(mut answer: Value, wrapper: &str) -> Result<Value, Failure> {
    match answer.get_mut(wrapper) {
        Some(inner) => Ok(inner.take()),
        None => Err(Failure::new(Exit::Unavailable, format_args!("the daemon refused the demo: {answer}"))),
    }
}

async fn play(scene: &Scene) -> Result<Exit, Failure> {
    let mut out = Output::new();
    let call = Message::new(u64::try_from(clock()).unwrap_or_default())?;
    let answer = scene.sign(&call, "A").await?;
    let signed = call.signed(answer["identity"].as_str().unwrap_or_default())?;
    out.line(format_args!("# Signed through {}", scene.socket().display()))?;
    out.line(format_args!(
        "# level {}, {} by {}\n",
        text(&answer, "attest"),
        text(&answer, "reason"),
        text(&answer, "rule")
    ))?;
    for line in signed.lines() {
        out.line(format_args!("{line}"))?;
    }

    let gateway = scene.sign(&call, "C").await?;
    let forged = promote(gateway["identity"].as_str().unwrap_or_default())
        .ok_or_else(|| Failure::new(Exit::BadData, "the daemon's answer holds no PASSporT"))?;
    out.line(format_args!("# Verified through the same socket"))?;
    let (mut all_as_told, mut waited_for) = (true, None);
    for (what, message, expected) in [
        ("the call as signed", signed.clone(), None),
        ("a C changed into an A", call.signed(&forged)?, Some("signature-invalid")),
        ("signed two minutes ago", call.signed(&scene.sign_stale()?)?, Some("iat-stale")),
        ("another calling number", signed.from(STRANGER), Some("orig-mismatch")),
    ] {
        let verdict = scene.verify(&message).await?;
        // A forged call has the certificate fetched once more, as the key may have changed; none waits.
        waited_for.get_or_insert_with(|| scene.downloads.total());
        let error = verdict["shaken"]["error"].as_str();
        all_as_told &= error == expected;
        let verstat = verdict["verstat"].as_str().unwrap_or_default();
        match error {
            None => out.line(format_args!("{what:<24} {verstat}, attest {}", text(&verdict, "attest")))?,
            Some(error) => {
                let (code, reason) =
                    (&verdict["reasoncode"], verdict["reasontext"].as_str().unwrap_or_default());
                out.line(format_args!("{what:<24} {verstat}, {error} -> {code} {reason}"))?;
            }
        }
    }
    out.line(format_args!("downloads waited for     {}", waited_for.unwrap_or_default()))?;

    out.line(format_args!("\n# The records, each on disk before its answer"))?;
    let unreadable = |error| Failure::new(Exit::BadData, format_args!("audit log: {error}"));
    for line in audit::read(&scene.lab.dir().join("audit")).map_err(unreadable)? {
        out.line(format_args!("{}", String::from_utf8_lossy(&line.map_err(unreadable)?.bytes)))?;
    }
    out.finish()?;
    if all_as_told {
        Ok(Exit::Yes)
    } else {
        Err(Failure::new(Exit::BadData, "a verdict differs from what the demo expects"))
    }
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer["shaken"][member].as_str().unwrap_or_default()
}

/// Claims level A in a PASSporT that was signed with C.
fn promote(identity: &str) -> Option<String> {
    let (token, params) = identity.split_once(';')?;
    let [header, payload, signature] = segments(token).ok()?;
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let claims = URL_SAFE_NO_PAD.encode(claims.replace("\"attest\":\"C\"", "\"attest\":\"A\""));
    Some(format!("{header}.{claims}.{signature};{params}"))
}

fn print_curl_lines(scene: &Scene) -> Result<(), Failure> {
    let mut out = Output::new();
    let curl =
        format!("curl -s --unix-socket {} -H 'Content-Type: application/json'", scene.socket().display());
    out.line(format_args!("\n# Running until interrupted. In another terminal:"))?;
    out.line(format_args!(
        "IDENTITY=$({curl} -d '{{\"signingRequest\":{{\"attest\":\"A\",\"orig\":{{\"tn\":\"{CALLER}\"}},\"dest\":{{\"tn\":[\"{CALLED}\"]}},\"iat\":'$(date +%s)'}}}}' http://localhost/stir/v1/signing | sed 's/.*\"identity\":\"\\([^\"]*\\)\".*/\\1/'); echo \"$IDENTITY\""
    ))?;
    out.line(format_args!(
        "{curl} -d '{{\"verificationRequest\":{{\"from\":{{\"tn\":\"{CALLER}\"}},\"to\":{{\"tn\":[\"{CALLED}\"]}},\"time\":'$(date +%s)',\"identity\":\"'\"$IDENTITY\"'\"}}}}' http://localhost/stir/v1/verification"
    ))?;
    out.line(format_args!("{curl} http://localhost/healthz"))?;
    out.finish()
}
