//! What is in use stays in the cache, whatever else is put there.

use std::sync::Arc;

use shaken_core::{CertCache, Lookup};

use crate::pki::NOW;
use crate::rig::Provider;

/// Calls of a carrier come between the insertions of a flood of URLs, none of which is asked for
/// again, or once again.
#[test]
fn a_flood_of_urls_pushes_nothing_out_that_is_in_use() {
    const CARRIERS: usize = 40;

    for asked_again in [0, 1] {
        let provider = Provider::new();
        let cache = CertCache::new(1 << 20);
        let carrier = |number: usize| format!("https://carrier{number}.example.com/a.pem");
        let insert = |url: &str| cache.insert(url, Arc::clone(&provider.certificate), None, NOW);
        let is_there = |url: &str| matches!(cache.lookup(url, &provider.trust, NOW), Lookup::Fresh(_));
        for number in 0..CARRIERS {
            insert(&carrier(number));
        }
        let (mut found, mut calls) = (0, 0);
        for number in 0..20_000 {
            let url = format!("https://flood.example.net/{number}.pem");
            insert(&url);
            for _ in 0..asked_again {
                is_there(&url);
            }
            calls += 1;
            found += usize::from(is_there(&carrier(number % CARRIERS)));
        }
        let lost = (0..CARRIERS).filter(|number| !is_there(&carrier(*number))).count();
        println!(
            "asked again {asked_again} times: {found} of {calls} calls found their certificate, {lost} lost"
        );
        assert_eq!((found, lost), (calls, 0));
    }
}
