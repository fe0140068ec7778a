//! The kernel keeps the process to the files that its configuration names (Landlock): whoever takes it
//! over reads and writes nothing else. Files that are open stay so, sockets are not restricted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};

use crate::config::Config;

/// How far the kernel confines the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sandbox {
    /// Not at all: it cannot, or was not asked to.
    #[default]
    Off,
    /// As far as this kernel can.
    Partial,
    /// Wholly.
    Full,
}

impl Sandbox {
    /// Confines this thread, and those that it starts from here on, to what `config` needs: call it before
    /// there is another one. Reloads may use the folders of configured files, so that files can be
    /// replaced by renaming others.
    ///
    /// A kernel without Landlock confines nothing, which the answer tells.
    ///
    /// # Errors
    /// A text, if the kernel refuses what it should know.
    pub fn enter(config: &Config) -> Result<Self, String> {
        make_folders(config)?;
        let status = restrict(config).map_err(|error| format!("the sandbox cannot be entered: {error}"))?;
        Ok(match status {
            RulesetStatus::FullyEnforced => Self::Full,
            RulesetStatus::PartiallyEnforced => Self::Partial,
            RulesetStatus::NotEnforced => Self::Off,
        })
    }

    /// 0 to 2.
    #[must_use]
    pub fn level(self) -> u64 {
        match self {
            Self::Off => 0,
            Self::Partial => 1,
            Self::Full => 2,
        }
    }

    /// Says where an error may come from.
    pub(super) fn explain(self, error: String) -> String {
        if self == Self::Off || !error.contains(DENIED) {
            return error;
        }
        format!(
            "{error}; the daemon may read only from the folders that its configuration named at the start: \
             restart it to widen that"
        )
    }
}

/// What rules are made for has to be there.
fn make_folders(config: &Config) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt as _;
    for dir in written(config) {
        match std::fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(format!("cannot create {}: {error}", dir.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folders in which the daemon keeps what is its own.
fn written(config: &Config) -> Vec<PathBuf> {
    let lists = config.verification.as_ref().and_then(|trusting| trusting.lists.as_ref());
    let kept = lists.and_then(|lists| lists.dir()).map(Path::to_owned);
    let certs = config.verification.as_ref().and_then(|trusting| trusting.certs.dir().cloned());
    let policies = config.policy_kept.as_ref().map(|kept| kept.dir().to_owned());
    kept.into_iter().chain(policies).chain(certs).chain([config.audit_dir.clone()]).collect()
}

fn restrict(config: &Config) -> Result<RulesetStatus, RulesetError> {
    let all = AccessFs::from_all(KERNEL);
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> = Vec::new();
    rules.extend(written(config).into_iter().map(|dir| (dir, all & !AccessFs::Execute)));
    rules.extend(read_places(config).into_iter().map(|place| (place, read)));
    rules.extend(SYSTEM.iter().map(|place| (PathBuf::from(place), read)));
    // Where the certificates of authorities are if not in the usual places.
    let authorities = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os);
    rules.extend(authorities.map(|place| (PathBuf::from(place), read)));
    rules.extend(socket_folders(config).into_iter().map(|folder| (folder, MAKE_SOCKETS | AccessFs::Refer)));
    for file in &config.outside_files {
        let folder = file.parent().unwrap_or(file).to_owned();
        rules.push((folder, MAKE_FILES | AccessFs::Truncate));
    }
    let mut ruleset = Ruleset::default().handle_access(all)?.create()?;
    for (place, access) in rules {
        // What is not there needs no rule, and what is no folder none of those for folders.
        let Ok(fd) = PathFd::new(&place) else { continue };
        let access = if place.is_dir() { access } else { access & AccessFs::from_file(KERNEL) };
        ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The folders of configured files, and of the configuration. Those that belong to everybody are left
/// out for the files alone, which then can be changed and not replaced.
fn read_places(config: &Config) -> BTreeSet<PathBuf> {
    let files = config.files.iter().chain([&config.path]);
    files
        .map(|file| match file.parent() {
            Some(folder) if folder.components().count() > 2 => folder.to_owned(),
            _ => file.clone(),
        })
        .collect()
}

fn socket_folders(config: &Config) -> BTreeSet<PathBuf> {
    let resp = config.resp.as_ref().and_then(|resp| resp.unix.as_ref());
    let sockets = resp.map(|unix| unix.path.as_path()).into_iter().chain([config.socket.as_path()]);
    sockets.filter_map(Path::parent).map(Path::to_owned).collect()
}

/// What the words of the system for a refusal are.
const DENIED: &str = "Permission denied";

/// The newest rules that are known here. Kernels that know fewer enforce those.
const KERNEL: ABI = ABI::V5;

const MAKE_SOCKETS: BitFlags<AccessFs> = landlock::make_bitflags!(AccessFs::{
    ReadDir | MakeDir | MakeSock | RemoveDir | RemoveFile
});

/// Copies of checkpoints: a file that is added to, and cut after a torn end.
const MAKE_FILES: BitFlags<AccessFs> = landlock::make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | MakeReg | RemoveFile
});

/// What resolving names, users and groups takes, the system's own randomness, and the authorities whose
/// servers an export may go to.
const SYSTEM: &[&str] = &[
    "/dev/null",
    "/dev/urandom",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/lib",
    "/lib64",
    "/proc/self",
    "/proc/sys",
    "/run/systemd/resolve",
    "/sys/fs/cgroup",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_sandbox_may_have_refused_is_explained() {
        let denied = "signing.key: cannot read /x: Permission denied (os error 13)".to_owned();
        assert!(Sandbox::Full.explain(denied.clone()).contains("restart"));
        assert!(Sandbox::Partial.explain(denied.clone()).contains("restart"));
        assert_eq!(Sandbox::Off.explain(denied.clone()), denied);
        let missing = "signing.key: cannot read /x: No such file".to_owned();
        assert_eq!(Sandbox::Full.explain(missing.clone()), missing);
    }
}
