//! What `[sip]` says of the door for SBCs that redirect calls.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use shaken_core::TelephoneNumber;
use shaken_core::error::SipResponse;
use shaken_core::sip::{ReasonProtocol, Uri};

use super::doors::read_address;
use super::{ConfigError, is_name};
use crate::listen::is_loopback;
use crate::sip::{Contact, Peer, PeerOp, Place, Rules, Treatment, VerstatIn, WhenUndecided};

/// SIP: where, and for whom.
#[derive(Debug)]
pub struct Sip {
    /// On UDP.
    pub udp: Vec<SocketAddr>,
    /// On TCP.
    pub tcp: Vec<SocketAddr>,
    /// Whom it answers, and how.
    pub rules: Rules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SipSection {
    #[serde(default)]
    udp: Vec<String>,
    #[serde(default)]
    tcp: Vec<String>,
    emergency: Option<Vec<String>>,
    #[serde(default)]
    peer: Vec<PeerSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerSection {
    name: String,
    addresses: Vec<String>,
    op: PeerOp,
    #[serde(default)]
    identity_in: Place,
    status: Option<u16>,
    no_action_code: Option<u16>,
    block_code: Option<u16>,
    contact: Option<String>,
    #[serde(default)]
    verstat_in: VerstatIn,
    #[serde(default)]
    failed: Treatment,
    #[serde(default)]
    no_validation: Treatment,
    #[serde(default)]
    undecided: WhenUndecided,
    #[serde(default)]
    reason: ReasonSetting,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReasonSetting {
    #[default]
    Stir,
    Sip,
}

/// The listeners of SIP and its peers.
pub(super) fn read_sip(section: &SipSection, warnings: &mut Vec<String>) -> Result<Sip, ConfigError> {
    let addresses = |key: &str, texts: &[String]| {
        texts.iter().map(|text| read_address(key, text)).collect::<Result<Vec<_>, _>>()
    };
    let (udp, tcp) = (addresses("sip.udp", &section.udp)?, addresses("sip.tcp", &section.tcp)?);
    if udp.is_empty() && tcp.is_empty() {
        return Err(ConfigError::new("[sip] is empty: give udp, tcp or both"));
    }
    for (key, addresses) in [("sip.udp", &udp), ("sip.tcp", &tcp)] {
        for address in addresses.iter().filter(|address| !is_loopback(address.ip())) {
            warnings.push(format!(
                "{key} = \"{address}\" can be reached from elsewhere: peers are known by their addresses alone, so \
                 keep it within a network where nobody can take one of those"
            ));
        }
    }
    if section.peer.is_empty() {
        return Err(ConfigError::new("[sip] needs [[sip.peer]] with addresses: nobody else gets an answer"));
    }
    let mut peers: Vec<Peer> = Vec::new();
    for section in &section.peer {
        let peer = read_peer(section, &peers)?;
        peers.push(peer);
    }
    let default = || DEFAULT_EMERGENCY.iter().map(|number| (*number).to_owned()).collect();
    let emergency = section.emergency.clone().unwrap_or_else(default);
    let is_number = |text: &String| TelephoneNumber::parse(text).is_ok_and(|tn| tn.as_str() == text);
    if !emergency.iter().all(is_number) {
        return Err(ConfigError::new("sip.emergency are numbers as they are dialled, such as \"911\""));
    }
    Ok(Sip { udp, tcp, rules: Rules::new(peers, emergency) })
}

fn read_peer(section: &PeerSection, others: &[Peer]) -> Result<Peer, ConfigError> {
    let name = &section.name;
    let wrong = |what: &str| ConfigError::new(format_args!("sip.peer {name:?}: {what}"));
    if !is_name(name) {
        return Err(wrong("the name must be printable ASCII without spaces and quotes"));
    }
    if others.iter().any(|other| other.name == *name) {
        return Err(wrong("the name is taken; each peer needs its own"));
    }
    let addresses = section.addresses.iter().map(|text| read_network(text));
    let addresses: Vec<IpNet> = addresses.collect::<Option<_>>().ok_or_else(|| {
        wrong("addresses are IP addresses, or networks of /8 (IPv6: /32) at the widest, such as 192.0.2.0/28")
    })?;
    if addresses.is_empty() {
        return Err(wrong("addresses is empty; nobody else gets an answer"));
    }
    let taken =
        |network: &IpNet| others.iter().flat_map(|other| &other.addresses).any(|o| o.contains(network));
    if addresses.iter().any(taken) {
        return Err(wrong("one of its addresses is that of an earlier peer, which would get its calls"));
    }
    let code = |key: &str, code: Option<u16>, known: [SipResponse; 2]| {
        let [default, other] = known;
        match code {
            None => Ok(default),
            Some(code) => known
                .into_iter()
                .find(|response| response.code == code)
                .ok_or_else(|| wrong(&format!("{key} must be {} or {}", default.code, other.code))),
        }
    };
    let contact = match section.contact.as_deref() {
        None | Some("request-uri") => Contact::RequestUri,
        Some(host) if is_host(host) => Contact::Host(host.to_owned()),
        Some(_) => {
            return Err(wrong(
                "contact must be \"request-uri\" or a host with or without port, such as \"sbc.example.com:5060\"",
            ));
        }
    };
    if section.verstat_in != VerstatIn::Asserted && section.identity_in == Place::Header {
        return Err(wrong(
            "verstat_in = \"from\" and \"both\" need identity_in = \"contact\" or \"both\": the From of an answer is \
             that of the request",
        ));
    }
    Ok(Peer {
        name: name.clone(),
        addresses,
        op: section.op,
        identity_in: section.identity_in,
        redirect: code("status", section.status, REDIRECT)?,
        no_action: code("no_action_code", section.no_action_code, NO_ACTION)?,
        block: code("block_code", section.block_code, BLOCK)?,
        contact,
        verstat_in: section.verstat_in,
        failed: section.failed,
        no_validation: section.no_validation,
        undecided: section.undecided,
        reason: match section.reason {
            ReasonSetting::Stir => ReasonProtocol::Stir,
            ReasonSetting::Sip => ReasonProtocol::Sip,
        },
    })
}

/// An address or a network that is not most of the world.
fn read_network(text: &str) -> Option<IpNet> {
    let address = text.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical()));
    let network = address.or_else(|| text.parse::<IpNet>().ok())?;
    let widest = if matches!(network, IpNet::V4(_)) { 8 } else { 32 };
    (network.prefix_len() >= widest).then(|| network.trunc())
}

fn is_host(text: &str) -> bool {
    let uri = format!("sip:{text}");
    let has_other_parts = text.contains([';', '?', '@']);
    !has_other_parts && Uri::parse(uri.as_bytes()).is_ok_and(|uri| !uri.host().is_empty())
}

const REDIRECT: [SipResponse; 2] =
    [SipResponse::new(302, "Moved Temporarily"), SipResponse::new(300, "Multiple Choices")];
const NO_ACTION: [SipResponse; 2] =
    [SipResponse::new(404, "Not Found"), SipResponse::new(503, "Service Unavailable")];
const BLOCK: [SipResponse; 2] = [SipResponse::new(603, "Decline"), SipResponse::new(608, "Rejected")];

const DEFAULT_EMERGENCY: [&str; 2] = ["911", "112"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Sip, usize), String> {
        let section: SipSection = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut warnings = Vec::new();
        let sip = read_sip(&section, &mut warnings).map_err(|error| error.to_string())?;
        Ok((sip, warnings.len()))
    }

    const PEER: &str = "[[peer]]\nname = \"sbc\"\naddresses = [\"192.0.2.1\"]\nop = \"sign\"\n";

    #[test]
    fn a_peer_has_safe_defaults() {
        let (sip, warned) = read(&format!("udp = [\"127.0.0.1:5070\"]\n{PEER}")).unwrap();
        let peer = &sip.rules.peers()[0];
        assert_eq!((sip.udp.len(), sip.tcp.len(), warned), (1, 0, 0));
        assert_eq!((peer.redirect.code, peer.no_action.code, peer.block.code), (302, 404, 603));
        assert_eq!(
            (peer.op, peer.identity_in, &peer.contact),
            (PeerOp::Sign, Place::Header, &Contact::RequestUri)
        );
        assert_eq!((peer.failed, peer.no_validation), (Treatment::PassOn, Treatment::PassOn));
        assert_eq!((peer.undecided, peer.reason), (WhenUndecided::NoAction, ReasonProtocol::Stir));
        let all = "udp = [\"192.0.2.9:5060\"]\ntcp = [\"[::1]:5060\"]\nemergency = [\"999\"]\n[[peer]]\n\
                   name = \"sbc\"\naddresses = [\"2001:db8::/32\", \"192.0.2.7/28\"]\nop = \"auto\"\n\
                   identity_in = \"both\"\nstatus = 300\nno_action_code = 503\nblock_code = 608\n\
                   contact = \"[2001:db8::1]:5060\"\nverstat_in = \"both\"\nfailed = \"block\"\n\
                   no_validation = \"refuse\"\nundecided = \"pass-on\"\nreason = \"sip\"\n";
        let (sip, warned) = read(all).unwrap();
        let peer = &sip.rules.peers()[0];
        assert_eq!(warned, 1);
        assert_eq!((peer.redirect.code, peer.no_action.code, peer.block.code), (300, 503, 608));
        assert_eq!(peer.addresses[1].to_string(), "192.0.2.0/28");
        assert_eq!(peer.contact, Contact::Host("[2001:db8::1]:5060".into()));
        let at = |ip: &str| {
            sip.rules.peers()[0].addresses.iter().any(|net| net.contains(&ip.parse::<IpAddr>().unwrap()))
        };
        assert!(at("192.0.2.15") && !at("192.0.2.16"));
    }

    #[test]
    fn what_would_open_the_door_too_far_is_refused() {
        let udp = "udp = [\"127.0.0.1:5070\"]\n";
        let peer = |more: &str| format!("{udp}{PEER}{more}\n");
        let with = |old: &str, new: &str| format!("{udp}{}", PEER.replace(old, new));
        for (text, part) in [
            (String::new(), "[sip] is empty"),
            (udp.into(), "[[sip.peer]]"),
            (format!("udp = [\"5070\"]\n{PEER}"), "sip.udp must be"),
            (with("[\"192.0.2.1\"]", "[]"), "nobody else"),
            (with("[\"192.0.2.1\"]", "[\"sbc.example\"]"), "addresses are"),
            (with("[\"192.0.2.1\"]", "[\"0.0.0.0/0\"]"), "addresses are"),
            (with("[\"192.0.2.1\"]", "[\"::/0\"]"), "addresses are"),
            (with("addresses = [\"192.0.2.1\"]\n", ""), "missing field `addresses`"),
            (with("op = \"sign\"\n", ""), "missing field `op`"),
            (with("\"sign\"", "\"both\""), "unknown variant"),
            (with("\"sbc\"", "\"s b\""), "printable"),
            (format!("{udp}{PEER}{PEER}"), "is taken"),
            (format!("{udp}{PEER}{}", PEER.replace("sbc", "other")), "earlier peer"),
            (peer("status = 301"), "status must be 302 or 300"),
            (peer("no_action_code = 200"), "no_action_code must be 404 or 503"),
            (peer("block_code = 403"), "block_code must be 603 or 608"),
            (peer("contact = \"a@b\""), "contact must be"),
            (peer("contact = \"a b\""), "contact must be"),
            (peer("contact = \"\""), "contact must be"),
            (peer("verstat_in = \"from\""), "identity_in"),
            (peer("maddr = true"), "unknown field"),
            (format!("emergency = [\"help\"]\n{udp}{PEER}"), "sip.emergency"),
        ] {
            let refused = read(&text).map(|(sip, _)| sip).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
