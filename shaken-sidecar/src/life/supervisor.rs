//! What is told to the service manager, if there is one (sd_notify).

use sd_notify::NotifyState;

/// It serves, and how it does.
pub(crate) fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It reads its configuration again. [`tell_ready`] ends that.
pub(super) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub(crate) fn tell_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: calls under way are answered")]);
}

pub(super) fn tell_status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

pub(super) fn tell_watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// Does nothing where nobody listens.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
