//! A real Kamailio on ports of its own.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tool;

/// Where Kamailio is, and its modules.
pub(crate) struct Installed {
    program: PathBuf,
    pub(crate) modules: PathBuf,
}

impl Installed {
    /// With all of these modules of that package; see [`tool::find`].
    pub(crate) fn find(required: &str, package: &str, modules: &[&str]) -> Option<Self> {
        let program = tool::find("kamailio", required, package)?;
        let folders =
            ["/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib/aarch64-linux-gnu/kamailio/modules"];
        let has_all = |folder: &PathBuf| modules.iter().all(|module| folder.join(module).is_file());
        let modules = folders.iter().map(PathBuf::from).find(has_all);
        Some(Self {
            program,
            modules: modules.unwrap_or_else(|| panic!("modules are missing: apt-get install {package}")),
        })
    }

    /// Starts it in `folder` with this script, which listens on UDP `port` of 127.0.0.1, and with the
    /// libraries of another folder before those of the system.
    pub(crate) fn start(&self, folder: &Path, port: u16, script: &str, libraries: Option<&Path>) -> Kamailio {
        let config = folder.join("kamailio.cfg");
        fs::write(&config, script).unwrap();
        let log = fs::File::create(folder.join("kamailio.log")).unwrap();
        let child = Command::new(&self.program)
            .args(["-DD", "-E", "-m", "256", "-f"])
            .arg(&config)
            .arg("-Y")
            .arg(folder)
            .envs(libraries.map(|folder| ("LD_LIBRARY_PATH", folder)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let kamailio = Kamailio { child, log: folder.join("kamailio.log") };
        let patience = Instant::now() + Duration::from_secs(20);
        while !UdpSocket::bind(("127.0.0.1", port))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
        {
            assert!(Instant::now() < patience, "it does not listen: {}", kamailio.told());
            std::thread::sleep(Duration::from_millis(20));
        }
        kamailio
    }
}

/// It ends with this.
pub(crate) struct Kamailio {
    child: Child,
    log: PathBuf,
}

impl Kamailio {
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It ends its children when it is asked to end.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
