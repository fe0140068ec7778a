//! A record as JSON, as `serde_json` writes it, but not by the general way, which looks at each byte of a
//! text by itself: one thread does this for every call.

use shaken_core::json::write_string;
use shaken_core::write::Out;

use super::{Cert, Header, Number, Other, Record};
use crate::listen::{Client, Peer};

impl Record {
    /// Appends the object to `json`.
    pub(in crate::audit) fn write(&self, json: &mut Vec<u8>) {
        // Each by its name, so that none that is added can be forgotten here.
        let Self {
            time,
            unix_seconds,
            op,
            interface,
            peer,
            request_id,
            call_id,
            trunk,
            customer,
            provider,
            requested_attest,
            attest,
            reason,
            rule,
            generation,
            other,
            decided_by,
            orig,
            dest,
            target,
            origid,
            ppt,
            x5u,
            cert,
            verdict,
            verstat,
            error,
            headers,
            replay,
            sip_status,
            http_status,
            latency_us,
            durability,
            synthetic,
            identity,
            identity_sha256,
        } = self;
        Object::write(json, |object| {
            object.text("time", time);
            let json = object.name("unix_seconds");
            if *unix_seconds < 0 {
                json.push(b'-');
            }
            push_decimal(json, unix_seconds.unsigned_abs());
            object.text("op", op.name());
            object.text("interface", interface.name());
            write_client(peer, object.name("peer"));
            object.text("request_id", request_id);
            object.text_if("call_id", call_id.as_deref());
            object.text_if("trunk", trunk.as_deref());
            object.text_if("customer", customer.as_deref());
            object.text_if("provider", provider.as_deref());
            object.text_if("requested_attest", requested_attest.as_deref());
            object.text_if("attest", attest.as_deref());
            object.text_if("reason", reason.as_deref());
            object.text_if("rule", rule.as_deref());
            object.text_if("generation", generation.as_deref());
            object.object_if("other", other.as_ref(), write_other);
            object.text_if("decided_by", decided_by.as_deref());
            object.object_if("orig", orig.as_ref(), write_number);
            object.array("dest", dest, |number, json| {
                Object::write(json, |object| write_number(number, object))
            });
            object.object_if("target", target.as_ref(), write_number);
            object.text_if("origid", origid.as_deref());
            object.array("ppt", ppt, |ppt, json| write_string(json, ppt));
            object.text_if("x5u", x5u.as_deref());
            object.object_if("cert", cert.as_deref(), write_cert);
            object.text("verdict", verdict);
            object.text_if("verstat", verstat.as_deref());
            object.text_if("error", error.as_deref());
            object.array("headers", headers, |header, json| {
                Object::write(json, |object| write_header(header, object));
            });
            object.bool_if("replay", replay.then_some(true));
            object.decimal_if("sip_status", sip_status.map(u64::from));
            object.decimal_if("http_status", http_status.map(u64::from));
            object.decimal_if("latency_us", *latency_us);
            object.text_if("durability", durability.as_deref());
            object.bool_if("synthetic", *synthetic);
            object.array("identity", identity, |value, json| write_string(json, value));
            object.array("identity_sha256", identity_sha256, |hash, json| write_string(json, hash));
        });
    }
}

fn write_client(client: &Client, json: &mut Vec<u8>) {
    match client {
        Client::Process(Peer { uid, gid, pid }) => Object::write(json, |object| {
            object.decimal_if("uid", Some((*uid).into()));
            object.decimal_if("gid", Some((*gid).into()));
            object.decimal_if("pid", pid.map(u64::from));
        }),
        // unwrap: an address and a text have a JSON form, and a Vec takes all of it.
        Client::Remote(remote) => serde_json::to_writer(json, remote).expect("a client serializes"),
    }
}

fn write_number(Number { received, canonical }: &Number, object: &mut Object<'_>) {
    object.text("received", received);
    object.text_if("canonical", canonical.as_deref());
}

fn write_other(Other { generation, outcome, attest, reason }: &Other, object: &mut Object<'_>) {
    object.text("generation", generation);
    object.text("outcome", outcome);
    object.text_if("attest", attest.as_deref());
    object.text("reason", reason);
}

fn write_header(Header { ppt, verdict, error }: &Header, object: &mut Object<'_>) {
    object.text_if("ppt", ppt.as_deref());
    object.text("verdict", verdict);
    object.text_if("error", error.as_deref());
}

fn write_cert(Cert { spc, sha256 }: &Cert, object: &mut Object<'_>) {
    object.text_if("spc", spc.as_deref());
    object.text("sha256", sha256);
}

/// An object that is being written.
struct Object<'j> {
    json: &'j mut Vec<u8>,
    /// What stands in front of the next member.
    separator: u8,
}

impl Object<'_> {
    /// Objects of a record have one member at least.
    fn write(json: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        members(&mut Object { json, separator: b'{' });
        json.push(b'}');
    }

    /// The name of a member, whose value is to be appended. No name has anything to escape.
    fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.json.push(std::mem::replace(&mut self.separator, b','));
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
        self.json
    }

    fn text(&mut self, name: &'static str, text: &str) {
        write_string(self.name(name), text);
    }

    fn text_if(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn decimal_if(&mut self, name: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            push_decimal(self.name(name), value);
        }
    }

    fn bool_if(&mut self, name: &'static str, value: Option<bool>) {
        if let Some(value) = value {
            let text = if value { "true" } else { "false" };
            self.name(name).extend_from_slice(text.as_bytes());
        }
    }

    fn object_if<T>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
        members: impl FnOnce(&T, &mut Object<'_>),
    ) {
        if let Some(value) = value {
            Object::write(self.name(name), |object| members(value, object));
        }
    }

    /// Nothing if it is empty.
    fn array<T>(&mut self, name: &'static str, values: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
        if values.is_empty() {
            return;
        }
        let json = self.name(name);
        let mut separator = b'[';
        for value in values {
            json.push(std::mem::replace(&mut separator, b','));
            write(value, json);
        }
        json.push(b']');
    }
}

fn push_decimal(json: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let mut out = Out::new(&mut digits);
    out.push_decimal(value);
    json.extend_from_slice(out.written());
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tests::full;
    use super::super::{Interface, Op};
    use super::*;
    use crate::listen::Remote;

    fn written(record: &Record) -> String {
        let mut json = Vec::new();
        record.write(&mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn it_is_what_the_general_way_writes() {
        let mut record = full();
        record.replay = true;
        assert_eq!(written(&record), serde_json::to_string(&record).unwrap());
        let address: SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
        for (client, synthetic) in [(None, Some(true)), (Some("sbc".to_owned()), Some(false))] {
            record.peer = Client::Remote(Remote { address, user: client });
            record.synthetic = synthetic;
            assert_eq!(written(&record), serde_json::to_string(&record).unwrap());
        }
        let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(7);
        let peer = Peer { uid: u32::MAX, gid: 0, pid: None };
        let mut record =
            Record::new(Op::Verify, Interface::RespTcp, peer, String::new(), "none", before_1970);
        record.trunk = Some("".into());
        for unix_seconds in [record.unix_seconds, i64::MIN, i64::MAX] {
            record.unix_seconds = unix_seconds;
            assert_eq!(written(&record), serde_json::to_string(&record).unwrap());
        }
    }

    proptest! {
        /// Whatever clients and far ends write.
        #[test]
        fn texts_are_escaped_as_by_the_general_way(
            texts in vec("[ -~é\"\\\\\0-\u{1f}\u{7f}-\u{9f}😀]{0,100}", 0..4),
            latency_us in any::<Option<u64>>(),
        ) {
            let mut record = full();
            record.request_id = texts.concat();
            record.latency_us = latency_us;
            record.identity = texts;
            prop_assert_eq!(written(&record), serde_json::to_string(&record).unwrap());
        }
    }
}
