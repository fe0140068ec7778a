//! What `[[trunk]]` says of who calls and how far they are vouched for.

use serde::Deserialize;
use shaken_core::Attest;
use shaken_core::passport::Ppt;

use super::{ConfigError, is_name};
use crate::policy::{Listener, Mark, Match, Named, Plan, Replay, Trunk};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrunkSection {
    name: String,
    uid: Option<u32>,
    user: Option<String>,
    peer: Option<String>,
    #[serde(default)]
    by_name: Named,
    mark: Option<Mark>,
    listener: Option<Listener>,
    max_attest: Option<String>,
    sign: Option<Vec<String>>,
    customer: Option<String>,
    provider: Option<String>,
    #[serde(default)]
    replay: Replay,
    #[serde(default)]
    plan: Plan,
}

/// The trunks, in order. `users` and `peers` are those that there are; `most` is what a trunk can give.
pub(super) fn read_trunks(
    sections: Vec<TrunkSection>,
    users: &[&str],
    peers: &[&str],
    most: Attest,
) -> Result<Vec<Trunk>, ConfigError> {
    let mut trunks: Vec<Trunk> = Vec::new();
    for section in sections {
        let name = section.name;
        let wrong = |what: &str| ConfigError::new(format_args!("trunk {name:?}: {what}"));
        if !is_name(&name) {
            return Err(wrong("the name must be printable ASCII without spaces and quotes"));
        }
        if trunks.iter().any(|other| other.name() == name) {
            return Err(wrong("the name is taken; each trunk needs its own"));
        }
        let TrunkSection { listener, uid, user, peer, mark, by_name: named, .. } = section;
        let of = Match { listener, uid, user, peer, mark, named };
        of.check().map_err(wrong)?;
        if of.peer.as_deref().is_some_and(|peer| !peers.contains(&peer)) {
            return Err(wrong("there is no such peer in [[sip.peer]]"));
        }
        if of.user.as_deref().is_some_and(|user| !users.contains(&user)) {
            return Err(wrong("there is no such user in [[http.user]] or [[resp.user]]"));
        }
        let max_attest = match &section.max_attest {
            None => Attest::C,
            Some(level) => level.parse().map_err(|_| wrong("max_attest must be \"A\", \"B\" or \"C\""))?,
        };
        if max_attest.lower(most) != max_attest {
            return Err(wrong(
                "max_attest = \"A\" would say that the caller may use any number; say who may use which with \
                 [policy], in place of [signing] and [[trunk]], or give \"B\"",
            ));
        }
        for party in [&section.customer, &section.provider].into_iter().flatten() {
            if party.is_empty() || party.len() > MAX_PARTY_LEN || party.chars().any(char::is_control) {
                return Err(wrong("customer and provider are names of 1 to 128 bytes in one line"));
            }
        }
        let signs = section.sign.as_deref().unwrap_or(&[]).iter().map(|name| {
            let known = [Ppt::Shaken, Ppt::Div, Ppt::Rph].into_iter().find(|ppt| ppt.name() == name);
            known.ok_or_else(|| wrong("sign is a list of \"shaken\", \"div\" and \"rph\""))
        });
        let signs = signs.collect::<Result<Vec<_>, _>>()?;
        let mut trunk = Trunk::new(name, of).with_max_attest(max_attest);
        if section.sign.is_some() {
            trunk = trunk.with_signs(signs);
        }
        trunk = trunk.with_replay(section.replay).with_plan(section.plan);
        if let Some(customer) = section.customer {
            trunk = trunk.with_customer(customer);
        }
        if let Some(provider) = section.provider {
            trunk = trunk.with_provider(provider);
        }
        trunks.push(trunk);
    }
    if trunks.is_empty() {
        return Err(ConfigError::new("there is no [[trunk]]: nobody could use the daemon"));
    }
    Ok(trunks)
}

const MAX_PARTY_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks_must_be_recognizable_and_unique() {
        let section = |name: &str, uid, max_attest: Option<&str>| TrunkSection {
            name: name.into(),
            uid,
            user: None,
            peer: None,
            by_name: Named::NeedNot,
            mark: None,
            listener: None,
            max_attest: max_attest.map(Into::into),
            sign: None,
            customer: None,
            provider: None,
            replay: Replay::Allow,
            plan: Plan::E164,
        };
        for (trunks, part) in [
            (vec![], "no [[trunk]]"),
            (vec![section("a", None, None)], "how it is recognized"),
            (vec![section("a", Some(1), Some("a"))], "max_attest"),
            (vec![section("a", Some(1), None), section("a", Some(2), None)], "taken"),
            (vec![section("a b", Some(1), None)], "printable"),
            (vec![TrunkSection { user: Some("x".into()), ..section("a", None, None) }], "no such user"),
            (vec![TrunkSection { user: Some("u".into()), ..section("a", Some(1), None) }], "two trunks"),
            (vec![TrunkSection { peer: Some("x".into()), ..section("a", None, None) }], "no such peer"),
            (vec![TrunkSection { peer: Some("p".into()), ..section("a", Some(1), None) }], "two trunks"),
            (
                vec![TrunkSection {
                    peer: Some("p".into()),
                    by_name: Named::Must,
                    ..section("a", None, None)
                }],
                "by_name",
            ),
            (
                vec![TrunkSection {
                    mark: Some(Mark::Otg("tg7".into())),
                    listener: Some(Listener::SipUdp),
                    ..section("a", None, None)
                }],
                "say who",
            ),
            (
                vec![TrunkSection { mark: Some(Mark::Otg("tg7".into())), ..section("a", Some(1), None) }],
                "INVITE",
            ),
            (vec![TrunkSection { sign: Some(vec!["rcd".into()]), ..section("a", Some(1), None) }], "sign is"),
            (vec![TrunkSection { customer: Some("\n".into()), ..section("a", Some(1), None) }], "customer"),
        ] {
            let read = read_trunks(trunks, &["u"], &["p"], Attest::A);
            assert!(read.unwrap_err().to_string().contains(part), "{part}");
        }
        for (level, most, wanted) in
            [("B", Attest::B, Ok(())), ("A", Attest::A, Ok(())), ("A", Attest::B, Err(()))]
        {
            let read = read_trunks(vec![section("a", Some(1), Some(level))], &[], &[], most);
            assert_eq!(read.map(|_| ()).map_err(|_| ()), wanted, "{level} of {most}");
        }
    }

    #[test]
    fn marks_are_read() {
        let mark = |mark: &str| {
            let section = toml::from_str::<TrunkSection>(&format!("name = \"t\"\nmark = {mark}"));
            section.map(|section| section.mark.unwrap()).map_err(|error| error.message().to_owned())
        };
        let header = Mark::Header { name: "X-Trunk".into(), value: "the dialer".into() };
        assert_eq!(mark("{ header = \"X-Trunk\", value = \"the dialer\" }"), Ok(header));
        assert_eq!(mark("{ otg = \"tg7\" }"), Ok(Mark::Otg("tg7".into())));
        let tgrp = Mark::Tgrp { label: "TG-1".into(), context: "carrier.example.com".into() };
        assert_eq!(mark("{ tgrp = \"TG-1\", context = \"carrier.example.com\" }"), Ok(tgrp));
        for (text, part) in [
            ("{ }", "mark is one of"),
            ("{ otg = \"a\", tgrp = \"b\", context = \"c\" }", "mark is one of"),
            ("{ tgrp = \"TG-1\" }", "mark is one of"),
            ("{ header = \"X-Trunk\" }", "mark is one of"),
            ("{ header = \"X-Trunk\", value = \"\" }", "1 to 128"),
            ("{ header = \"X-Trunk\", value = \" a\" }", "1 to 128"),
            ("{ header = \"X-Trunk\", value = \"a\\r\\nb\" }", "1 to 128"),
            ("{ header = \"X Trunk\", value = \"a\" }", "no short form"),
            ("{ header = \"s\", value = \"a\" }", "no short form"),
            ("{ header = \"contact\", value = \"a\" }", "no short form"),
            ("{ dtg = \"a\" }", "unknown field"),
        ] {
            let refused = mark(text).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }

    #[test]
    fn replays_are_read() {
        let trunk = |replay: &str| {
            toml::from_str::<TrunkSection>(&format!("name = \"t\"\n{replay}")).map(|section| section.replay)
        };
        assert_eq!(trunk(""), Ok(Replay::Allow));
        assert_eq!(trunk("replay = \"flag\""), Ok(Replay::Flag));
        assert_eq!(trunk("replay = \"refuse\""), Ok(Replay::Refuse));
        assert!(trunk("replay = true").is_err());
    }
}
