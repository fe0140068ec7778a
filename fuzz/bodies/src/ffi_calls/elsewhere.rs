//! Calls of the functions that would go out: to repositories, to a daemon. None of them finds anybody.

use shaken_ffi::{ShakenResult, Str};

use super::{INVITE, LAB, Program, c, known, named, str};

impl Program<'_> {
    /// Fetching is set up and never started: nothing here may go out.
    pub(super) fn fetching(&mut self) {
        let (pem, host, address) =
            (self.text(&LAB.root), self.text("cr.example.com"), self.text("127.0.0.1:8443"));
        let mut place = c::stale();
        let deadline_ms = u32::from(self.number());
        if self.options.is_none() {
            let result = shaken_ffi::shaken_fetch_options_new(Some(&mut place));
            self.options = c::handle(place, known(result));
        }
        let options = self.options.as_deref();
        known(shaken_ffi::shaken_fetch_options_set_deadline(options, deadline_ms));
        known(shaken_ffi::shaken_fetch_options_set_tls_roots(options, str(&pem)));
        known(shaken_ffi::shaken_fetch_options_connect_to(options, str(&host), str(&address)));
        let verifier = self.verifier.as_deref();
        let (mut fd, mut cookie) = (c::stale::<i32>(), c::stale::<u64>());
        for result in [
            shaken_ffi::shaken_verifier_event_fd(verifier, Some(&mut fd)),
            shaken_ffi::shaken_verifier_next_ready(verifier, Some(&mut cookie)),
            shaken_ffi::shaken_verifier_wait(verifier, self.verdict.as_deref(), deadline_ms, 7),
        ] {
            assert!(["null", "not-started"].contains(&named(known(result))));
        }
        assert_eq!((c::number(fd), c::number(cookie)), (-1, 0));
    }

    /// Of a daemon that is not there. A path of the input is never connected to.
    pub(super) fn client(&mut self) {
        let path = self.text("/nowhere/fuzz.sock");
        let (orig, message, now) = (self.text("12155550121"), self.text(INVITE), self.time());
        let mut place = c::stale();
        let result = known(shaken_ffi::shaken_client_new(str(&path), Some(&mut place)));
        let made = c::handle(place, result);
        shaken_ffi::shaken_client_free(self.client.take());
        if path.as_deref() == Some(b"/nowhere/fuzz.sock") {
            self.client = made;
        } else {
            shaken_ffi::shaken_client_free(made);
        }
        let client = self.client.take();
        let dest = Some(b"12155550131".to_vec());
        let (result, _) = self.lent(|data, capacity, len| {
            let (orig, dest, origid) = (str(&orig), str(&dest), str(&None));
            let origid = Str { len: 0, ..origid };
            shaken_ffi::shaken_client_sign(
                client.as_deref(),
                orig,
                dest,
                0,
                origid,
                now,
                9,
                data,
                capacity,
                len,
            )
        });
        assert_ne!(result, ShakenResult::OK, "signed by nobody");
        let verdict = self.verdict.as_deref_mut();
        let result =
            known(shaken_ffi::shaken_client_verify_sip(client.as_deref(), str(&message), 9, now, verdict));
        assert_ne!(result, ShakenResult::OK, "verified by nobody");
        self.client = client;
    }
}
