//! Calls of the C libraries in any order, as a program in C makes them.

#[expect(unsafe_code, reason = "what a caller in C does by hand")]
mod c;
mod elsewhere;
mod secsipid;
mod seeds;

use core::ffi::c_char;
use core::mem::MaybeUninit;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use shaken_ffi::{
    CallVerdict, Client, FetchOptions, HeaderVerdict, ShakenResult, Signer, Str, Trust, Verdict, Verifier,
};

pub(crate) use seeds::seeds;

use crate::provider::X5U;
use crate::rig::{NOW, World};

struct Lab {
    key: String,
    chain: String,
    stranger_chain: String,
    root: String,
    intermediate: String,
}

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let world = World::new();
    Lab {
        key: world.provider.key.serialize_pem(),
        chain: world.chain_pem(),
        stranger_chain: World::new().chain_pem(),
        root: world.sti_root.pem.clone(),
        intermediate: world.sti_ca.pem.clone(),
    }
});

/// Most calls of one input.
const MAX_CALLS: usize = 64;

/// Longest buffer that is lent.
const MAX_CAPACITY: usize = 8192;

const GUARD: [u8; 64] = [0x5c; 64];

const INVITE: &str = "INVITE sip:+12155550131@sbc.example.net;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/TLS sbc.example.com;branch=z9hG4bKfuzz\r\nMax-Forwards: 70\r\n\
    From: <sip:+12155550121@sbc.example.com;user=phone>;tag=fuzz\r\n\
    To: <sip:+12155550131@sbc.example.net;user=phone>\r\nCall-ID: fuzz@sbc.example.com\r\n\
    CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";

/// Each call is a byte that says which function, and bytes for its arguments: which handle, which text, how long
/// a buffer. Texts are good ones, what was signed last, bytes of the input, or NULL. Whatever is called in
/// whatever order: results go where they should on every path, nothing is written beyond what is lent, each
/// result has a name, none is a fault of the library, and only what a signer signed makes a call pass.
pub fn run(input: &[u8]) {
    let mut program = Program { input, ..Program::default() };
    for name in [c"CertVerify", c"RequireTrust", c"AttrsVerify"] {
        // What the input before has set.
        assert_eq!(c::set_number(Some(name), 0), 0);
    }
    assert_eq!(c::set_text(Some(c"x5u"), Some(c"")), 0);
    for _ in 0..MAX_CALLS {
        let Some(function) = program.byte() else { break };
        program.call(function);
    }
    // Handles that are left are freed in the order of the fields, which is none that the library asks for.
    let Program { signer, trust, verifier, verdict, options, client, .. } = program;
    shaken_ffi::shaken_trust_free(trust);
    shaken_ffi::shaken_signer_free(signer);
    shaken_ffi::shaken_verifier_free(verifier);
    shaken_ffi::shaken_verdict_free(verdict);
    shaken_ffi::shaken_fetch_options_free(options);
    shaken_ffi::shaken_client_free(client);
}

/// The handles of a program, one of each kind, and what it was given.
#[derive(Default)]
struct Program<'a> {
    input: &'a [u8],
    signer: Option<Box<Signer>>,
    trust: Option<Box<Trust>>,
    verifier: Option<Box<Verifier>>,
    verdict: Option<Box<Verdict>>,
    options: Option<Box<FetchOptions>>,
    client: Option<Box<Client>>,
    /// What was signed last: the value of a header, or a message.
    signed: Vec<u8>,
    /// Tokens of all that was signed.
    tokens: BTreeSet<Vec<u8>>,
}

impl Program<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.input.split_first()?;
        self.input = rest;
        Some(*first)
    }

    fn number(&mut self) -> u8 {
        self.byte().unwrap_or_default()
    }

    /// Good bytes, what was signed, bytes of the input; nothing for NULL.
    fn text(&mut self, good: &str) -> Option<Vec<u8>> {
        match self.number() {
            0..=159 => Some(good.as_bytes().to_vec()),
            160..=191 => Some(self.signed.clone()),
            192..=199 => None,
            200..=207 => Some(Vec::new()),
            // One byte of the good text is another.
            208..=223 => {
                let (at, byte) = (usize::from(self.number()) << 2, self.number());
                let mut text = good.as_bytes().to_vec();
                let len = text.len().max(1);
                if let Some(place) = text.get_mut(at % len) {
                    *place = byte;
                }
                Some(text)
            }
            _ => {
                let len = usize::from(self.number()).min(self.input.len());
                let (text, rest) = self.input.split_at(len);
                self.input = rest;
                Some(text.to_vec())
            }
        }
    }

    fn time(&mut self) -> i64 {
        match self.number() {
            0..=199 => NOW,
            200..=239 => NOW + i64::from(self.number()) - 128,
            240..=247 => i64::MAX,
            _ => i64::MIN,
        }
    }

    fn call(&mut self, function: u8) {
        match function % 36 {
            0..=1 => self.make_signer(),
            2 => shaken_ffi::shaken_signer_free(self.signer.take()),
            3..=6 => self.sign(),
            7..=8 => self.make_trust(),
            9 => shaken_ffi::shaken_trust_free(self.trust.take()),
            10 => self.change_trust(),
            11..=12 => self.make_verifier(),
            13 => shaken_ffi::shaken_verifier_free(self.verifier.take()),
            14..=17 => self.change_verifier(),
            18..=19 => self.make_verdict(),
            20 => shaken_ffi::shaken_verdict_free(self.verdict.take()),
            21..=26 => self.verify(),
            27..=28 => self.look_at_verdict(),
            29 => self.fetching(),
            30 => self.client(),
            31..=35 => self.secsipid(),
            other => panic!("{other} is no remainder"),
        }
    }

    fn make_signer(&mut self) {
        let (key, chain, x5u) = (self.text(&LAB.key), self.text(&LAB.chain), self.text(X5U));
        let mut place = c::stale();
        let result = match self.number() {
            0..=239 => {
                shaken_ffi::shaken_signer_from_pem(str(&key), str(&chain), str(&x5u), Some(&mut place))
            }
            _ => {
                let nowhere = Some(b"/nowhere/fuzz.pem".to_vec());
                shaken_ffi::shaken_signer_from_files(str(&nowhere), str(&chain), str(&x5u), Some(&mut place))
            }
        };
        shaken_ffi::shaken_signer_free(self.signer.take());
        self.signer = c::handle(place, known(result));
    }

    fn sign(&mut self) {
        let (orig, dest) = (self.text("12155550121"), self.text("12155550131"));
        let (third, message) = (self.text("12155550199"), self.text(INVITE));
        let level = c_char::from_ne_bytes([*b"AAAABCa\0".get(usize::from(self.number() % 8)).unwrap_or(&0)]);
        let (iat, now, which) = (self.time(), self.time(), self.number());
        let origid = if which < 128 { Some(Vec::new()) } else { third.clone() };
        let signer = self.signer.take();
        let (result, written) = self.lent(|data, capacity, len| match which % 3 {
            0 => shaken_ffi::shaken_sign(
                signer.as_deref(),
                str(&orig),
                str(&dest),
                level,
                str(&origid),
                iat,
                now,
                data,
                capacity,
                len,
            ),
            1 => shaken_ffi::shaken_sign_div(
                signer.as_deref(),
                str(&orig),
                str(&dest),
                str(&third),
                iat,
                now,
                data,
                capacity,
                len,
            ),
            _ => shaken_ffi::shaken_sign_sip(
                signer.as_deref(),
                str(&message),
                level,
                str(&origid),
                now,
                data,
                capacity,
                len,
            ),
        });
        self.signer = signer;
        if result == ShakenResult::OK {
            assert!(self.signer.is_some() && !written.is_empty(), "signed without a key");
            self.tokens.extend(token(&written));
            self.signed = written;
        }
    }

    /// Lends a buffer with guards on both sides. Answers what was written.
    fn lent(
        &mut self,
        write: impl FnOnce(*mut c_char, usize, Option<&mut MaybeUninit<usize>>) -> ShakenResult,
    ) -> (ShakenResult, Vec<u8>) {
        let capacity = match self.number() {
            0..=159 => MAX_CAPACITY,
            wanted => usize::from(wanted - 160) * 16 + usize::from(self.number() % 16),
        };
        let what = self.number();
        let mut room = [&GUARD[..], &vec![0; capacity], &GUARD].concat();
        let mut len = c::stale::<usize>();
        let lent = room.get_mut(GUARD.len()..).unwrap_or_default();
        let data = if what < 250 { lent.as_mut_ptr().cast() } else { core::ptr::null_mut() };
        if what == 249 {
            // Told of no place for the length, it writes nothing at all.
            let result = known(write(data, capacity, None));
            assert_ne!(result, ShakenResult::OK);
            assert!(room.iter().skip(GUARD.len()).take(capacity).all(|byte| *byte == 0));
            return (result, Vec::new());
        }
        let result = known(write(data, capacity, Some(&mut len)));
        let len = c::number(len);
        let (before, rest) = room.split_at(GUARD.len());
        let (written, after) = rest.split_at(capacity);
        assert!(before == GUARD && after == GUARD, "written beyond a buffer of {capacity} bytes");
        match named(result) {
            "ok" => assert!(len <= capacity, "{len} bytes in {capacity}"),
            "buffer-too-small" => assert!(len > capacity, "{len} bytes fit in {capacity}"),
            _ => assert_eq!(len, 0, "{}", named(result)),
        }
        (result, written.get(..len).unwrap_or_default().to_vec())
    }

    fn make_trust(&mut self) {
        let (root, signer, url) = (self.text(&LAB.root), self.text(&LAB.chain), self.text(X5U));
        let mut place = c::stale();
        let result = match self.number() {
            0..=239 => shaken_ffi::shaken_trust_new(str(&root), Some(&mut place)),
            _ => shaken_ffi::shaken_trust_from_ca_list(
                str(&root),
                str(&url),
                str(&signer),
                str(&root),
                NOW,
                Some(&mut place),
            ),
        };
        shaken_ffi::shaken_trust_free(self.trust.take());
        self.trust = c::handle(place, known(result));
    }

    fn change_trust(&mut self) {
        let (pem, other, root) = (self.text(&LAB.intermediate), self.text(&LAB.chain), self.text(&LAB.root));
        let (url, which) = (Some(X5U.as_bytes().to_vec()), self.number());
        let trust = self.trust.as_deref();
        let (pem, other, root, url) = (str(&pem), str(&other), str(&root), str(&url));
        let result = match which % 4 {
            0 => shaken_ffi::shaken_trust_add_intermediates(trust, pem),
            1 => shaken_ffi::shaken_trust_add_crl(trust, pem, other, root, NOW),
            2 => shaken_ffi::shaken_trust_set_ca_list(trust, pem, url, other, root, NOW),
            _ => shaken_ffi::shaken_trust_require_crl(trust),
        };
        assert!(trust.is_some() || ["null", "argument-invalid"].contains(&named(known(result))));
    }

    fn make_verifier(&mut self) {
        let (max_age_s, cache_bytes) = (u64::from(self.number()), u64::from(self.number()) << 12);
        let mut place = c::stale();
        let trust = self.trust.as_deref();
        let result = shaken_ffi::shaken_verifier_new(trust, max_age_s, cache_bytes, Some(&mut place));
        assert_eq!(known(result) == ShakenResult::OK, trust.is_some());
        shaken_ffi::shaken_verifier_free(self.verifier.take());
        self.verifier = c::handle(place, result);
    }

    fn change_verifier(&mut self) {
        let which = self.number();
        let good = if which < 224 { &LAB.chain } else { &LAB.stranger_chain };
        let (url, chain, age_s, now) = (self.text(X5U), self.text(good), self.number(), self.time());
        let verifier = self.verifier.as_deref();
        let result = match which % 8 {
            0..=4 => shaken_ffi::shaken_verifier_insert(verifier, str(&url), str(&chain), age_s.into(), now),
            5 => shaken_ffi::shaken_verifier_insert_failure(verifier, str(&url), now),
            6 => shaken_ffi::shaken_verifier_set_trust(verifier, self.trust.as_deref()),
            _ => shaken_ffi::shaken_verifier_build_tables(verifier),
        };
        assert!(verifier.is_some() || named(known(result)) == "null");
    }

    fn make_verdict(&mut self) {
        let mut place = c::stale();
        let result = shaken_ffi::shaken_verdict_new(Some(&mut place));
        shaken_ffi::shaken_verdict_free(self.verdict.take());
        self.verdict = c::handle(place, known(result));
    }

    fn verify(&mut self) {
        let (orig, dest) = (self.text("12155550121"), self.text("12155550131"));
        let message = self.text(INVITE);
        let signed = String::from_utf8_lossy(&self.signed).into_owned();
        let headers: Vec<_> = (0..self.number() % 10).map(|_| self.text(&signed)).collect();
        let (date, now, which) = (self.time(), self.time(), self.number());
        let identities: Vec<Str> = headers.iter().map(str).collect();
        // NULL is an array of none.
        let data = if identities.is_empty() { core::ptr::null() } else { identities.as_ptr() };
        let (verifier, verdict) = (self.verifier.as_deref(), self.verdict.as_deref_mut());
        let is_complete = verifier.is_some() && verdict.is_some();
        let message = if which < 128 { Some(self.signed.clone()) } else { message };
        let is_sip = which % 2 == 0;
        let result = known(if is_sip {
            shaken_ffi::shaken_verify_sip(verifier, str(&message), now, verdict)
        } else {
            let (orig, dest, count) = (str(&orig), str(&dest), identities.len());
            shaken_ffi::shaken_verify(verifier, orig, dest, date, data, count, now, verdict)
        });
        assert!(is_complete || named(result) == "null");
        if result == ShakenResult::OK {
            let has_token = |text: &Vec<u8>| token(text).is_some_and(|token| self.tokens.contains(&token));
            let is_vouched_for =
                if is_sip { message.iter().any(has_token) } else { headers.iter().flatten().any(has_token) };
            assert!(is_vouched_for, "a call passes by what nobody signed");
        }
        // What could not be judged does not leave the verdict before in its place.
        if let Some(verdict) = self.verdict.as_deref() {
            assert_eq!(call_verdict(verdict).result, result);
        }
    }

    fn look_at_verdict(&mut self) {
        let index = usize::from(self.number() % 12);
        let (result, text) = {
            let verdict = self.verdict.take();
            let told = self.lent(|data, capacity, len| {
                shaken_ffi::shaken_verdict_text(verdict.as_deref(), data, capacity, len)
            });
            self.verdict = verdict;
            told
        };
        assert!(std::str::from_utf8(&text).is_ok() && (self.verdict.is_some() || named(result) == "null"));
        let Some(verdict) = self.verdict.as_deref() else { return };
        let call = call_verdict(verdict);
        let (mut header, mut url) = (c::stale::<HeaderVerdict>(), c::stale::<Str>());
        let result = known(shaken_ffi::shaken_verdict_header(Some(verdict), index, Some(&mut header)));
        assert_eq!(result == ShakenResult::OK, index < call.headers);
        let header = c::filled(header, |header| !named(header.result).is_empty());
        assert!(
            std::str::from_utf8(c::text(&header.ppt)).is_ok()
                && std::str::from_utf8(c::text(&header.x5u)).is_ok()
        );
        let result = known(shaken_ffi::shaken_verdict_missing_url(Some(verdict), index, Some(&mut url)));
        assert_eq!(result == ShakenResult::OK, index < call.missing);
        let url = c::filled(url, |url| (url.len > 0) == (result == ShakenResult::OK));
        assert!(c::text(&url).is_empty() || c::text(&url).starts_with(b"https://"));
    }
}

fn call_verdict(verdict: &Verdict) -> CallVerdict {
    let mut call = c::stale::<CallVerdict>();
    assert_eq!(shaken_ffi::shaken_verdict_call(Some(verdict), Some(&mut call)), ShakenResult::OK);
    let call = c::filled(call, |call| call.headers <= 32 && call.missing <= 32);
    let attest = u8::from_ne_bytes(call.attest.to_ne_bytes());
    let passes = call.result == ShakenResult::OK;
    assert_eq!(b"ABC".contains(&attest), passes, "attest {attest} with {}", named(call.result));
    assert_eq!(!c::text(&call.origid).is_empty(), passes);
    call
}

fn str(text: &Option<Vec<u8>>) -> Str {
    match text {
        Some(text) => Str { data: text.as_ptr().cast(), len: text.len() },
        None => Str { data: core::ptr::null(), len: 9 },
    }
}

/// The first token of a header or message.
fn token(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = text.split(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte));
    words.find(|word| word.starts_with(b"eyJ")).map(<[u8]>::to_vec)
}

fn named(result: ShakenResult) -> &'static str {
    c::constant(shaken_ffi::shaken_result_name(result))
}

/// A result that the header names, and no fault of the library.
fn known(result: ShakenResult) -> ShakenResult {
    let name = named(result);
    assert!(name != "unknown" && name != "panic", "{result:?} is {name}");
    assert!((200..700).contains(&shaken_ffi::shaken_result_sip_code(result)));
    assert!(!c::constant(shaken_ffi::shaken_result_sip_reason(result)).is_empty());
    let passes = c::constant(shaken_ffi::shaken_result_verstat(result)) == "TN-Validation-Passed";
    assert_eq!(passes, result == ShakenResult::OK);
    result
}
