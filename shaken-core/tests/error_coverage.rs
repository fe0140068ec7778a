//! Every row of the error table has been seen: a vector expects it, or a test that is named here
//! provokes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shaken_core::trust::AuthorityToken;
use shaken_core::{Error, key};
use shaken_test_vectors::{Expect, ExpectHeader, VectorFile, files_under};

/// What no vector can show: variant, file or folder of a test, and the name of that test.
#[rustfmt::skip]
const TESTED: &[(&str, &str, &str)] = &[
    ("RcdContentMissing", "shaken-core/src/passport/rcd/write.rs", "what_cannot_be_signed_has_its_error"),
    ("JclNotCanonical", "shaken-core/src/passport/rcd/write.rs", "what_cannot_be_signed_has_its_error"),
    ("NumberNotCanonical", "shaken-core/src/json/canonical.rs", "numbers_are_plain_decimals"),
    ("FetchDns", "shaken-core/tests/fetch_server", "names_that_do_not_resolve"),
    ("FetchAddressRefused", "shaken-core/tests/fetch_server", "one_address_that_is_not_public_condemns_the_name"),
    ("FetchConnect", "shaken-core/tests/fetch_server", "a_port_that_refuses_fails_at_once"),
    ("FetchTls", "shaken-core/tests/fetch_server", "without_lab_roots_the_roots_of_the_web_decide"),
    ("FetchDeadline", "shaken-core/tests/fetch_server", "a_dropped_syn_ends_at_the_deadline"),
    ("FetchRedirect", "shaken-core/tests/fetch_server", "server_behaviours"),
    ("FetchHeaderLimit", "shaken-core/tests/fetch_server", "server_behaviours"),
    ("FetchBodyLimit", "shaken-core/tests/fetch_server", "server_behaviours"),
    ("FetchEncoding", "shaken-core/tests/fetch_server", "server_behaviours"),
    ("FetchProtocol", "shaken-core/tests/fetch_server", "server_behaviours"),
    ("FetchOverload", "shaken-core/tests/fetch_server", "downloads_under_way_are_limited"),
    ("CertPending", "shaken-sidecar/src/certs", "a_call_waits_for_its_budget_and_no_longer"),
    ("PassportReplayed", "shaken-sidecar/tests/overload.rs", "replays_are_flagged_or_refused"),
    ("TnAuthListUnproven", "shaken-core/tests/delegation/vectors.rs", "what_is_not_proven_is_refused_by_policy_only"),
    ("CrlMissing", "shaken-core/tests/revocation/policy.rs", "the_policies_differ_where_nothing_is_known"),
    ("CrlEncoding", "shaken-core/tests/revocation/lists.rs", "pem_and_der_are_told_apart"),
    ("CrlTooLarge", "shaken-core/tests/revocation/large.rs", "the_limit_is_exact"),
    ("CrlDer", "shaken-core/tests/revocation/lists.rs", "malformed_lists_are_refused_and_the_place_is_named"),
    ("CrlCriticalExtension", "shaken-core/tests/revocation/lists.rs", "what_we_do_not_know_and_must_is_refused"),
    ("CrlNumber", "shaken-core/tests/revocation/lists.rs", "what_we_do_not_know_and_must_is_refused"),
    ("CrlNotYetValid", "shaken-core/tests/revocation/lists.rs", "dates_are_checked"),
    ("CrlSignerMissing", "shaken-core/tests/revocation/lists.rs", "only_the_sti_pa_signs_lists"),
    ("CrlSignature", "shaken-core/tests/revocation/lists.rs", "only_the_sti_pa_signs_lists"),
    ("CrlRollback", "shaken-core/tests/revocation/policy.rs", "a_list_does_not_go_back"),
    ("CaListTooLarge", "shaken-core/tests/revocation/ca_list.rs", "the_form_of_the_token_is_strict_and_bounded"),
    ("CaListMember", "shaken-core/tests/revocation/ca_list.rs", "the_payload_is_held_to_its_rules"),
    ("CaListHost", "shaken-core/tests/revocation/ca_list.rs", "the_header_is_held_to_its_rules"),
    ("CaListExpired", "shaken-core/tests/revocation/ca_list.rs", "an_ended_list_counts_by_policy"),
    ("CaListRollback", "shaken-core/tests/revocation/ca_list.rs", "the_sequence_never_goes_back"),
    ("CaListEmpty", "shaken-core/tests/revocation/ca_list.rs", "entries_that_are_no_ca_are_named_and_the_others_count"),
    ("AuthorityTokenTooLarge", "shaken-core/tests/error_coverage.rs", "an_authority_token_has_a_limit"),
    ("AuthorityTokenMember", "shaken-core/tests/delegation/authority_token.rs", "every_member_counts"),
    ("AuthorityTokenExpired", "shaken-core/tests/delegation/authority_token.rs", "every_member_counts"),
    ("AuthorityTokenMismatch", "shaken-core/tests/delegation/authority_token.rs", "tokens"),
    ("KeyInvalid", "shaken-core/tests/error_coverage.rs", "what_is_no_key_is_refused"),
    ("KeyMismatch", "shaken-core/tests/round_trip.rs", "a_signer_checks_its_certificate_and_its_buffer"),
    ("BufferTooSmall", "shaken-core/tests/round_trip.rs", "a_signer_checks_its_certificate_and_its_buffer"),
    ("TnInvalid", "shaken-core/src/tn.rs", "anything_else_is_refused"),
    ("SipTooLarge", "shaken-core/src/sip/tests.rs", "the_head_is_bounded_and_the_body_is_not"),
    ("SipStartLine", "shaken-core/src/sip/tests.rs", "request_lines"),
    ("SipNotARequest", "shaken-core/src/sip/tests.rs", "request_lines"),
    ("SipVersion", "shaken-core/src/sip/tests.rs", "request_lines"),
    ("SipIncomplete", "shaken-core/src/sip/tests.rs", "every_shorter_message_is_incomplete"),
    ("SipHeaderSyntax", "shaken-core/src/sip/tests.rs", "header_lines"),
    ("SipHeaderDuplicate", "shaken-core/src/sip/headers/tests.rs", "what_must_be_there_once_is_checked_at_once"),
    ("SipHeaderMissing", "shaken-core/src/sip/headers/tests.rs", "what_must_be_there_once_is_checked_at_once"),
    ("SipHeaderLimit", "shaken-core/src/sip/headers/tests.rs", "more_than_is_read_is_refused"),
    ("SipHeaderValue", "shaken-core/src/sip/address.rs", "what_two_readers_would_read_differently_is_refused"),
    ("SipMethodMismatch", "shaken-core/src/sip/tests.rs", "header_lines"),
    ("DateInvalid", "shaken-core/src/sip/date.rs", "one_form_is_read"),
    ("UriScheme", "shaken-core/src/sip/uri/tests.rs", "what_is_no_number_has_a_name"),
    ("UriNotANumber", "shaken-core/src/sip/uri/tests.rs", "what_is_no_number_has_a_name"),
    ("TnNotGlobal", "shaken-core/src/sip/uri/tests.rs", "what_is_no_number_has_a_name"),
    ("CallerAnonymous", "shaken-core/src/sip/tests.rs", "callers_without_a_number_have_a_name"),
    ("CallerUnavailable", "shaken-core/src/sip/tests.rs", "callers_without_a_number_have_a_name"),
    ("UriTooLong", "shaken-core/src/party.rs", "a_uri_that_is_too_long_is_an_error_and_equals_nothing"),
];

/// What takes a fault of the system that a test cannot bring about, and which.
const NOT_PROVOKED: &[(&str, &str)] = &[
    ("FetchInterfaces", "the operating system does not tell the addresses of its interfaces"),
    ("CertUnavailable", "a task that downloads ended without an answer"),
    ("SigningFailed", "the system has no randomness"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names of failures that a vector expects, of the call or of one of its headers.
fn expected_by_vectors() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files_under(&root().join("test-vectors/data")).unwrap() {
        for case in VectorFile::read(&path).unwrap().cases {
            if let Expect::Reject { error: Some(name) } = case.expect {
                names.insert(name);
            }
            let headers = case.expect_headers.into_iter().flatten();
            names.extend(headers.filter_map(|header| match header {
                ExpectHeader::Reject(name) => Some(name),
                ExpectHeader::Accept => None,
            }));
        }
    }
    names
}

/// `IatStale` of `IatStale { age_s: 0 }`.
fn variant(error: &Error) -> String {
    let shown = format!("{error:?}");
    shown.split(' ').next().unwrap().to_owned()
}

#[test]
fn every_error_has_a_vector_or_a_test() {
    let vectors = expected_by_vectors();
    let (mut by_vector, mut by_test, mut missing) = (0, 0, Vec::new());
    for error in Error::ALL {
        let variant = variant(error);
        let is_tested = TESTED.iter().any(|(tested, _, _)| *tested == variant);
        let is_out_of_reach = NOT_PROVOKED.iter().any(|(other, _)| *other == variant);
        match (vectors.contains(error.name()), is_tested, is_out_of_reach) {
            (true, false, false) => by_vector += 1,
            (false, true, false) => by_test += 1,
            (false, false, true) => {}
            (false, false, false) => missing.push(variant),
            _ => panic!("{variant} is accounted for twice"),
        }
    }
    println!("{by_vector} errors by vectors, {by_test} by tests, {} out of reach", NOT_PROVOKED.len());
    assert!(missing.is_empty(), "neither a vector nor a test provokes {missing:?}");
}

#[test]
fn the_tests_that_are_named_exist_and_name_the_error() {
    for (variant, place, test) in TESTED {
        let error = Error::ALL.iter().find(|error| self::variant(error) == *variant);
        let name = error.unwrap_or_else(|| panic!("{variant} is no error")).name();
        let sources = sources(&root().join(place));
        assert!(sources.contains(&format!("fn {test}()")), "{place} has no test {test}");
        let is_mentioned =
            [format!("Error::{variant}"), format!("\"{name}\"")].iter().any(|text| sources.contains(text));
        assert!(is_mentioned, "{place} does not mention {variant}");
    }
    for (variant, _) in NOT_PROVOKED {
        assert!(Error::ALL.iter().any(|error| self::variant(error) == *variant), "{variant} is no error");
    }
}

/// The text of a file, or of all files in a folder: the parts of one test binary.
fn sources(place: &Path) -> String {
    if place.is_dir() {
        let files = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        return files.map(|file| sources(&file)).collect();
    }
    fs::read_to_string(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()))
}

#[test]
fn what_is_no_key_is_refused() {
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for text in
        ["", "no PEM", empty, &empty.replace("PRIVATE", "EC PRIVATE"), &empty.replace("PRIVATE", "PUBLIC")]
    {
        assert_eq!(key::signing_key_from_pem(text.as_bytes()).err(), Some(Error::KeyInvalid), "{text}");
    }
}

#[test]
fn an_authority_token_has_a_limit() {
    let outcome = AuthorityToken::parse(&"a".repeat(64 * 1024 + 1));
    assert_eq!(outcome.err(), Some(Error::AuthorityTokenTooLarge { len_bytes: 64 * 1024 + 1 }));
}
