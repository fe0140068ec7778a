//! External suites against the rules that need no network: which URL, which address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use shaken_core::fetch::{X5u, is_public};
use shaken_test_vectors::suites::suite_text;

fn verdict(url: &str) -> &'static str {
    X5u::parse(url).map_or_else(|error| error.name(), |_| "accept")
}

/// Our choice for the URLs on which the rules leave one, with the reason.
fn choices() -> BTreeMap<String, &'static str> {
    include_str!("golden/x5u-policy.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let [url, verdict, why]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            assert!(!why.is_empty(), "{url} has no reason");
            (serde_json::from_str(url).unwrap(), verdict)
        })
        .collect()
}

#[test]
fn choices_are_as_written_down() {
    for (url, expected) in choices() {
        assert_eq!(verdict(&url), expected, "{url}");
    }
}

#[test]
fn addresses() {
    let Some(text) = suite_text("suites/ssrf/addresses.tsv") else {
        return;
    };
    let (mut allowed, mut denied) = (0, 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [address, expected, why]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let public = is_public(address.parse::<IpAddr>().unwrap());
        match expected {
            "allow" => allowed += 1,
            "deny" => denied += 1,
            other => panic!("{address}: unknown expectation {other}"),
        }
        assert_eq!(public, expected == "allow", "{address}: {why}");
    }
    println!("addresses: {allowed} allowed, {denied} denied");
    assert!(allowed > 0 && denied > 0);
}

#[test]
fn urls() {
    let Some(text) = suite_text("suites/ssrf/urls.json") else {
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let choices = choices();
    let (mut accepted, mut refused, mut chosen) = (0, 0, 0);
    for case in &cases {
        let url = case["url"].as_str().unwrap();
        match case["expect"].as_str().unwrap() {
            "accept" => {
                assert_eq!(verdict(url), "accept", "{case}");
                accepted += 1;
            }
            "reject" => {
                assert!(verdict(url).starts_with("x5u-"), "{case}");
                refused += 1;
            }
            "policy" => {
                let Some(choice) = choices.get(url) else {
                    panic!("{case} has no line in x5u-policy.tsv; we say {}", verdict(url));
                };
                assert_eq!(verdict(url), *choice, "{case}");
                chosen += 1;
            }
            other => panic!("{case}: unknown expectation {other}"),
        }
    }
    println!("x5u: {accepted} accepted, {refused} refused, {chosen} as chosen");
    assert!(accepted > 0 && refused > 0);
}

/// Strictness must not cost a call: whatever https URL the field uses is accepted.
#[test]
fn urls_of_the_field() {
    let Some(text) = suite_text("real/sti-certificates.tsv") else { return };
    let urls = text.lines().filter_map(|line| line.split('\t').next());
    // One certificate of the list came without its URL.
    let urls: Vec<&str> = urls.filter(|url| !url.is_empty()).collect();
    for url in &urls {
        assert_eq!(verdict(url), "accept", "{url}");
    }
    println!("x5u: {} of the field accepted", urls.len());
    assert!(!urls.is_empty());
}

/// No parser of the web may see another scheme, host or port than we do. The `http` URLs of the suite run a
/// second time as `https`, or the scheme would hide what we think of their hosts.
#[test]
fn whatwg_differential() {
    let Some(text) = suite_text("suites/wpt-url/urltestdata.json") else {
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut failures, mut same_host, mut refused) = (0, 0, 0);
    let (mut as_https, mut same_host_as_https, mut a_labels) = (0, 0, 0);
    for case in cases.iter().filter(|case| case.is_object()) {
        let input = case["input"].as_str().unwrap();
        let fails = case["failure"].as_bool().unwrap_or(false);
        match X5u::parse(input) {
            Err(_) if fails => failures += 1,
            Err(_) => refused += 1,
            Ok(url) => {
                assert_eq!(case["protocol"], "https:", "{case}");
                assert_same_origin(url, case);
                same_host += 1;
            }
        }
        let Some(rest) = strip_http(input) else { continue };
        as_https += 1;
        let swapped = format!("https:{rest}");
        let Ok(url) = X5u::parse(&swapped) else { continue };
        if fails {
            // The web decodes A-labels for display and fails on bad ones. We pass the ASCII name
            // on as it is: it does not exist in the DNS, and means nothing else.
            assert!(url.host().to_ascii_lowercase().contains("xn--"), "{case}");
            a_labels += 1;
        } else {
            assert_same_origin(url, case);
            same_host_as_https += 1;
        }
    }
    println!(
        "WHATWG: {failures} failures refused, {same_host} of the same scheme, host and port, {refused} more refused; \
         {as_https} again as https, of them {same_host_as_https} of the same host and port, \
         {a_labels} undecodable A-labels left to the DNS"
    );
    assert!(failures > 0 && same_host_as_https > 0);
}

fn assert_same_origin(url: X5u<'_>, case: &Value) {
    assert_eq!(case["failure"], Value::Null, "{case}");
    let hostname = case["hostname"].as_str().unwrap();
    assert!(url.host().eq_ignore_ascii_case(hostname), "{} is not {hostname}: {case}", url.host());
    // Empty for the default of the scheme, which for `http` we would refuse if it were written.
    let port = case["port"].as_str().unwrap();
    assert_eq!(url.port().to_string(), if port.is_empty() { "443" } else { port }, "{case}");
}

fn strip_http(url: &str) -> Option<&str> {
    url.split_at_checked(5).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http:")).map(|(_, rest)| rest)
}
