//! Diversions (RFC 8946 §4.2).

use std::collections::BTreeMap;

use serde_json::Value;
use shaken_core::verify::{CallScratch, Chain, Verdict};
use shaken_core::{Call, Error, TrustedCert};

use crate::rig::{Vectors, World, header_of, judge, party};

/// The step of RFC 8946 §4.2 at which a chain fails, or how else it does.
fn meaning(error: Error) -> &'static str {
    match error {
        Error::DivChainIncomplete => "incomplete",
        Error::DivChainUnsupported => "ignored",
        Error::DivTargetMismatch => "invalid 1",
        Error::DivOrigMismatch | Error::OrigMismatch => "invalid 3",
        _ => error.name(),
    }
}

#[test]
fn chains_are_judged_as_stated() {
    let Some(vectors) = Vectors::read() else { return };
    let world = World::new();
    let mut count = 0;
    for (id, vector) in vectors.of_kind("div-chain") {
        let (inputs, expect) = (&vector["inputs"], &vector["expect"]);
        let now = inputs["now"].as_i64().unwrap();
        let ids: Vec<&str> =
            inputs["tokens"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let headers: Vec<String> = ids.iter().map(|id| header_of(vectors.get(id))).collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        // The tokens of one vector that share a URL share a key.
        let certificates: BTreeMap<String, TrustedCert> = ids
            .iter()
            .map(|id| {
                let token = vectors.get(id);
                let header: Value = serde_json::from_str(token["header_json"].as_str().unwrap()).unwrap();
                let key = token["public_key_pem"].as_str().unwrap();
                (header["x5u"].as_str().unwrap().to_owned(), world.certificate(key, now))
            })
            .collect();

        let target = party(inputs["request_target"].as_str().unwrap());
        let dest = [target];
        let call = Call::new(party(inputs["sip_caller"].as_str().unwrap()), &dest).with_target(target);
        let mut scratch = CallScratch::new();
        let verdict = judge(&headers, &call, &certificates, &mut scratch, now).unwrap();

        let stated = match &expect["step"] {
            Value::Null => expect["result"].as_str().unwrap().to_owned(),
            step => format!("{} {step}", expect["result"].as_str().unwrap()),
        };
        let holds = verdict.chains().iter().find(|chain| chain.result().is_ok());
        let found = match holds {
            Some(_) => "valid".to_owned(),
            None => verdict
                .chains()
                .first()
                .map_or("none", |chain| meaning(chain.result().unwrap_err()))
                .to_owned(),
        };
        assert_eq!(found, stated, "{id}: {:?}", verdict.chains());
        if let Some(chain) = holds {
            assert_eq!(order_of(chain, &ids), order_in(&expect["order"]), "{id}");
        }
        for rejected in expect["rejected"].as_array().into_iter().flatten() {
            let place = ids.iter().position(|id| rejected == id).unwrap();
            assert_eq!(outcome_at(&verdict, place), Some(Error::DivUnchanged), "{id}");
        }
        // A call that has a shaken passes if its chain holds, and with no other reason.
        let has_shaken =
            ids.iter().any(|id| vectors.get(id)["header_json"].as_str().unwrap().contains("shaken"));
        assert_eq!(verdict.result().is_ok(), has_shaken && stated == "valid", "{id}: {:?}", verdict.result());
        count += 1;
    }
    println!("vectors.json, kind div-chain: {count} of {count} as stated");
    assert!(count >= 14);
}

fn outcome_at(verdict: &Verdict<'_>, place: usize) -> Option<Error> {
    verdict.headers().nth(place).unwrap().outcome().err()
}

fn order_of(chain: &Chain, ids: &[&str]) -> Vec<String> {
    let mut innermost: Vec<&str> = chain.innermost().map(|place| ids[place]).collect();
    innermost.sort_unstable();
    let diversions = chain.diversions().map(|place| ids[place].to_owned());
    diversions.chain([innermost.join(" ")]).collect()
}

/// Several tokens at the end stand in an array of their own.
fn order_in(order: &Value) -> Vec<String> {
    let names = |value: &Value| match value {
        Value::Array(names) => {
            let mut names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
            names.sort_unstable();
            names.join(" ")
        }
        name => name.as_str().unwrap().to_owned(),
    };
    order.as_array().unwrap().iter().map(names).collect()
}
