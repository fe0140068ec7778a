//! Which IP addresses are public: what the IANA special-purpose registries (RFC 6890 and its
//! updates) leave over.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// True if a certificate may be downloaded from this address.
///
/// IPv4: all but the special-purpose blocks, multicast and the reserved rest. IPv6: of the
/// global unicast space `2000::/3` all but the special-purpose blocks. Every IPv6 form that
/// carries an IPv4 address inside (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP)
/// is refused whatever it carries; in a network that reaches IPv4 only by NAT64 this leaves the
/// repositories that have an IPv6 address of their own.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST_V6.contains(&v6)
                && !SPECIAL_V6.iter().any(|net| net.contains(&v6))
                && !is_isatap(v6)
        }
    }
}

/// The interface identifier `[02]00:5efe` followed by an IPv4 address (RFC 5214 §6.1), under any
/// prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [.., universal, marker, _, _] = address.segments();
    marker == 0x5efe && universal & !0x0200 == 0
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_len)
}

const fn v6(a: u16, b: u16, c: u16, prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix_len)
}

const SPECIAL_V4: [Ipv4Net; 18] = [
    v4(0, 0, 0, 0, 8),       // this network (RFC 791)
    v4(10, 0, 0, 0, 8),      // private (RFC 1918)
    v4(100, 64, 0, 0, 10),   // carrier-grade NAT (RFC 6598)
    v4(127, 0, 0, 0, 8),     // loopback (RFC 1122)
    v4(169, 254, 0, 0, 16),  // link-local, cloud metadata (RFC 3927)
    v4(172, 16, 0, 0, 12),   // private (RFC 1918)
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments (RFC 6890)
    v4(192, 0, 2, 0, 24),    // documentation (RFC 5737)
    v4(192, 31, 196, 0, 24), // AS112 (RFC 7535)
    v4(192, 52, 193, 0, 24), // AMT (RFC 7450)
    v4(192, 88, 99, 0, 24),  // 6to4 relays (RFC 7526)
    v4(192, 168, 0, 0, 16),  // private (RFC 1918)
    v4(192, 175, 48, 0, 24), // AS112 (RFC 7534)
    v4(198, 18, 0, 0, 15),   // benchmarks (RFC 2544)
    v4(198, 51, 100, 0, 24), // documentation (RFC 5737)
    v4(203, 0, 113, 0, 24),  // documentation (RFC 5737)
    v4(224, 0, 0, 0, 4),     // multicast (RFC 5771)
    v4(240, 0, 0, 0, 4),     // reserved, broadcast (RFC 1112)
];

const GLOBAL_UNICAST_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const SPECIAL_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 0, 23),           // IETF protocol assignments, Teredo (RFC 2928, RFC 4380)
    v6(0x2001, 0x0db8, 0, 32),      // documentation (RFC 3849)
    v6(0x2002, 0, 0, 16),           // 6to4 (RFC 3056)
    v6(0x2620, 0x004f, 0x8000, 48), // AS112 (RFC 7534)
    v6(0x3fff, 0, 0, 20),           // documentation (RFC 9637)
];

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for address in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn an_embedded_ipv4_address_is_refused_even_if_it_is_public() {
        for address in [
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8",
            "2002:808:808::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2a00:1450::5efe:8.8.8.8",
            "2a00:1450::200:5efe:8.8.8.8",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn blocks_end_where_they_should() {
        for (inside, outside) in [
            ("100.127.255.255", "100.128.0.0"),
            ("172.31.255.255", "172.32.0.0"),
            ("198.19.255.255", "198.20.0.0"),
            ("255.255.255.255", "223.255.255.255"),
            ("2001:1ff:ffff::", "2001:200::"),
            ("3fff:fff:ffff::", "3fff:1000::"),
            ("4000::", "3fff:ffff::"),
        ] {
            assert!(!public(inside), "{inside}");
            assert!(public(outside), "{outside}");
        }
    }
}
