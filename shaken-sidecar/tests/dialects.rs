//! The same calls in the words of ATIS-1000082, of 3GPP TS 24.229 Annex V, and of clients that take
//! liberties with either.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use running::{CALLED, CALLER, Running, free_port, signing, unix_now, verification};
use serde_json::{Value, json};

/// Where the call goes after its diversion.
const TARGET: &str = "12155550141";

/// The trunk of the lab signs every type.
fn for_all_types(config: String) -> String {
    config.replace("max_attest = \"A\"", "max_attest = \"A\"\nsign = [\"shaken\", \"div\", \"rph\"]")
}

fn div_signing() -> Value {
    json!({ "signingRequest": {
        "ppt": "div", "orig": { "tn": CALLER }, "dest": { "tn": [TARGET] }, "iat": unix_now(),
        "div": { "tn": CALLED, "hi": "1.1" },
    } })
}

fn rph_signing() -> Value {
    json!({ "signingRequest": {
        "orig": { "tn": CALLER }, "dest": { "tn": [CALLED] }, "iat": unix_now(),
        "rph": { "auth": ["esnet.1"] }, "sph": "psap-callback",
    } })
}

/// A diverted call, as its last carrier asks about it.
#[test]
fn a_diverted_call_is_signed_and_verified() {
    let running = Running::start(for_all_types);
    let signed = running.sign("A");
    let identity = signed.identity();
    let answer = &signed.body["signingResponse"];
    assert_eq!(answer["identityHeader"], answer["identity"], "both names have it");
    let diverted = running.post("/stir/v1/signing", &div_signing());
    assert!(diverted.identity().ends_with("ppt=div"), "{diverted:?}");
    assert_eq!(diverted.body["signingResponse"]["shaken"]["attest"], Value::Null);
    assert_eq!(diverted.body["signingResponse"]["shaken"]["rule"], "trunk \"lab\" sign has \"div\"");
    let again = running.post("/stir/v1/divSigning", &div_signing());
    assert!(again.identity().ends_with("ppt=div"), "{again:?}");

    let request = |target: &str| {
        json!({ "verificationRequest": {
            "identityHeader": identity, "identityHeaders": [diverted.identity()], "requestId": "r-7",
            "from": { "tn": CALLER }, "to": { "tn": CALLED }, "dest": { "tn": target }, "time": unix_now(),
            "displayName": "Example", "profileId": "passed over",
        } })
    };
    let answer = running.post("/stir/v1/verification", &request(TARGET));
    let verdict = &answer.body["verificationResponse"];
    assert_eq!(verdict["verstatValue"], "TN-Validation-Passed", "{answer:?}");
    assert_eq!(verdict["requestId"], "r-7");
    let result = |place: usize| verdict["verifyResults"][place]["verifyResult"].clone();
    assert_eq!((&result(0)["ppt"], &result(0)["status"]), (&json!("shaken"), &json!("pass")));
    assert_eq!(result(0)["validClaims"]["attest"], "A");
    assert_eq!((&result(1)["ppt"], &result(1)["status"]), (&json!("div"), &json!("pass")));
    assert_eq!(result(1)["validClaims"]["div"], json!({ "tn": CALLED, "hi": "1.1" }));
    let diversion = json!([{ "div": { "tn": CALLED, "hi": "1.1" }, "verstatValue": "TN-Validation-Passed" }]);
    assert_eq!(verdict["divResult"], diversion);

    // It leads elsewhere.
    let answer = running.post("/stir/v1/divVerification", &request("12155550142"));
    let verdict = &answer.body["verificationResponse"];
    let result = &verdict["verifyResults"][1]["verifyResult"];
    assert_eq!(result["status"], "fail", "{answer:?}");
    assert!(result["reasonCode"].is_u64() && result["reasonText"].is_string(), "{result}");
    assert_eq!(result["passport"], diverted.identity().split(';').next().unwrap());
    let record = running.records().pop().unwrap();
    assert_eq!(record["ppt"], json!(["shaken", "div"]));
    // It was diverted to whom To names, and goes elsewhere now.
    let mut moved = request("12155550142");
    moved["verificationRequest"]["to"]["tn"] = TARGET.into();
    let answer = running.post("/stir/v1/verification", &moved);
    let result = &answer.body["verificationResponse"]["verifyResults"][1]["verifyResult"];
    assert_eq!(result["status"], "fail", "{answer:?}");
    assert_eq!(record["headers"][1]["verdict"], "failed");
}

/// Priority is compared with the header that came along.
#[test]
fn a_call_with_priority_is_signed_and_verified() {
    let running = Running::start(for_all_types);
    let signed = running.post("/stir/v1/rphSigning", &rph_signing());
    assert!(signed.identity().ends_with("ppt=rph"), "{signed:?}");
    for (priority, verdict) in [("esnet.1", "RPH-Validation-Passed"), ("esnet.2", "RPH-Validation-Failed")] {
        let request = json!({ "verificationRequest": {
            "identityHeaders": [signed.identity()], "from": { "tn": CALLER }, "to": { "tn": [CALLED] },
            "time": unix_now(), "protectedHeaders": [format!("Resource-Priority: {priority}"), "Priority: psap-callback"],
        } });
        let answer = running.post("/stir/v1/rphVerification", &request);
        let response = &answer.body["verificationResponse"];
        assert_eq!(response["verstatPriority"], verdict, "{answer:?}");
        assert_eq!(response.get("verstatValue"), None, "nothing was said about the number");
    }
}

/// What a trunk was not given it does not get, and the refusal is on record.
#[test]
fn other_types_are_signed_only_where_the_configuration_says_so() {
    let running = Running::start(|config| config);
    for request in [div_signing(), {
        let mut request = rph_signing();
        request["signingRequest"]["ppt"] = "rph".into();
        request
    }] {
        let answer = running.post("/stir/v1/signing", &request);
        assert_eq!((answer.status, answer.message_id()), (403, "POL4030"), "{answer:?}");
        assert!(answer.text.contains("PPT_NOT_ALLOWED"), "{answer:?}");
        let record = running.records().pop().unwrap();
        assert_eq!((&record["verdict"], &record["reason"]), (&json!("refused"), &json!("PPT_NOT_ALLOWED")));
    }
    for (path, ppt, status) in [
        ("/stir/v1/signing", "rcd", 400),
        ("/stir/v1/divSigning", "shaken", 400),
        ("/stir/v1/otherSigning", "shaken", 404),
    ] {
        let mut request = signing("A");
        request["signingRequest"]["ppt"] = ppt.into();
        assert_eq!(running.post(path, &request).status, status, "{path} {ppt}");
    }
}

/// Numbers in URIs, one number or several, reasons in both cases, headers that are strings.
#[test]
fn clients_take_liberties() {
    let running = Running::start(|config| config);
    let uri = format!("sip:+{CALLER}@sbc.example.com;user=phone");
    let request = json!({ "signingRequest": {
        "ppt": "", "attest": "B", "orig": { "uri": uri }, "dest": { "uri": [format!("tel:+{CALLED}")] },
        "iat": unix_now(), "unknown": { "to": "us" },
    } });
    let signed = running.post("/stir/v1/signing", &request);
    let identity = signed.identity().to_owned();
    assert_eq!(running.records()[0]["orig"], json!({ "received": uri, "canonical": CALLER }));
    let mut request = verification(&identity);
    request["verificationRequest"]["to"] = json!({ "tn": CALLED });
    let answer = running.post("/stir/v1/verification", &request);
    assert_eq!(answer.body["verificationResponse"]["verstat"], "TN-Validation-Passed");

    let forged = identity.replacen("eyJ", "eyK", 1);
    let answer = running.verify(&forged);
    let verdict = &answer.body["verificationResponse"];
    for (lower, mixed) in
        [("reasoncode", "reasonCode"), ("reasontext", "reasonText"), ("reasondesc", "reasonDesc")]
    {
        assert!(!verdict[lower].is_null() && verdict[lower] == verdict[mixed], "{verdict}");
    }
    assert!(verdict["reasonCode"].is_u64());
    for uri in ["sip:alice@example.com", "tel:", "mailto:a@example.com"] {
        let mut request = signing("A");
        request["signingRequest"]["orig"] = json!({ "uri": uri });
        let answer = running.post("/stir/v1/signing", &request);
        assert_eq!((answer.status, answer.message_id()), (400, "SVC4005"), "{uri}");
    }
}

/// Oracle's SBCs ask about a call that is made up, and want any answer.
#[test]
fn heartbeats_are_answered_and_left_out_of_figures() {
    let running = Running::start(|config| config);
    let (orig, dest) = (json!({ "tn": "9999999999" }), json!({ "tn": ["7777777777"] }));
    let beat = json!({ "signingRequest": {
        "iat": unix_now(), "attest": "B", "ppt": "shaken", "dest": dest, "orig": orig,
    } });
    assert_eq!(running.post("/stir/v1/signing", &beat).status, 200);
    let beat = json!({ "verificationRequest": { "from": orig, "to": dest, "time": unix_now() } });
    let answer = running.post("/stir/v1/verification", &beat);
    assert_eq!((answer.status, answer.message_id()), (400, "SVC4001"));
    assert_eq!(running.sign("A").status, 200);

    let synthetic: Vec<Value> = running.records().iter().map(|record| record["synthetic"].clone()).collect();
    assert_eq!(synthetic, [json!(true), Value::Null]);
    let mut stat = running::shaken();
    stat.args(["audit", "stat", "--format", "json"]).arg(running.lab().join("audit"));
    let calls: Vec<Value> = running::json_lines(&stat.output().unwrap());
    assert_eq!(calls.iter().map(|line| line["calls"].as_u64().unwrap()).sum::<u64>(), 1, "{calls:?}");
    // A second later the request without a call would be in a summary.
    let mut running = running;
    assert!(running.terminate());
    assert!(running.records_of("summary").is_empty(), "{:?}", running.records_of("summary"));
}

/// What the daemon says of itself holds, whatever is sent.
#[test]
fn the_document_of_the_interface_holds() {
    let Some(python) = std::env::var_os("SHAKEN_SCHEMATHESIS_PYTHON") else {
        println!("skipped: SHAKEN_SCHEMATHESIS_PYTHON names no Python with schemathesis");
        return;
    };
    let address = format!("127.0.0.1:{}", free_port());
    let running = Running::start(|config| {
        let trunk = "[[trunk]]\nname = \"tcp\"\nlistener = \"http-tcp\"\nmax_attest = \"A\"\n";
        for_all_types(config.replace("[http]", &format!("[http]\nlisten = \"{address}\"")) + trunk)
    });
    let output = std::process::Command::new(python)
        .args(["-m", "schemathesis.cli", "run", &format!("http://{address}/openapi.json")])
        // Numbers, times and types that a document allows can still be refused.
        .args(["--exclude-checks", "positive_data_acceptance", "--warnings", "off"])
        .args(["--seed", "1", "--max-examples", "30", "--no-color", "--generation-database", "none"])
        .current_dir(running.lab())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{}", told.lines().rev().take(12).collect::<Vec<_>>().join("\n"));
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!running.log().contains("panicked"), "{}", running.log());
}
