//! Names of header fields: long, compact and vendors' spellings, in any case (RFC 3261 §7.3).

/// The header fields that are read. [`Via`](Self::Via) only to be copied into responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    From,
    To,
    CallId,
    CSeq,
    Date,
    ContentLength,
    ContentType,
    Identity,
    Asserted,
    Diversion,
    HistoryInfo,
    Privacy,
    Attestation,
    OriginationId,
    Via,
}

impl Name {
    /// The field of that name, long or compact (RFC 3261 §7.3.3), in any case.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let spelled = |spelling: &&(&str, Self)| text.eq_ignore_ascii_case(spelling.0.as_bytes());
        SPELLINGS.iter().find(spelled).map(|(_, name)| *name)
    }

    /// The long form.
    pub(super) fn as_str(self) -> &'static str {
        SPELLINGS.iter().find(|(_, name)| *name == self).map_or("", |(spelling, _)| spelling)
    }
}

/// The long form of each name comes first.
const SPELLINGS: &[(&str, Name)] = &[
    ("From", Name::From),
    ("f", Name::From),
    ("To", Name::To),
    ("t", Name::To),
    ("Call-ID", Name::CallId),
    ("i", Name::CallId),
    ("CSeq", Name::CSeq),
    ("Date", Name::Date),
    ("Content-Length", Name::ContentLength),
    ("l", Name::ContentLength),
    ("Content-Type", Name::ContentType),
    ("c", Name::ContentType),
    ("Identity", Name::Identity),
    ("y", Name::Identity),
    ("P-Asserted-Identity", Name::Asserted),
    ("Diversion", Name::Diversion),
    ("History-Info", Name::HistoryInfo),
    ("Privacy", Name::Privacy),
    ("Attestation-Info", Name::Attestation),
    ("P-Attestation-Info", Name::Attestation),
    ("P-Attestation-Indicator", Name::Attestation),
    ("X-Attestation-Info", Name::Attestation),
    ("Attestation", Name::Attestation),
    ("Origination-ID", Name::OriginationId),
    ("P-Origination-ID", Name::OriginationId),
    ("Via", Name::Via),
    ("v", Name::Via),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_and_the_long_one_is_written() {
        for (spelling, name) in SPELLINGS {
            for text in [spelling.to_ascii_lowercase(), spelling.to_ascii_uppercase()] {
                assert_eq!(Name::of(text.as_bytes()), Some(*name));
            }
            assert_eq!(Name::of(name.as_str().as_bytes()), Some(*name));
            assert!(name.as_str().len() > 1, "{name:?}");
        }
        for other in
            ["", "x", "n", "Fro", "Froms", "Contact", "From ", "Identity-Info", "P-Preferred-Identity"]
        {
            assert_eq!(Name::of(other.as_bytes()), None, "{other}");
        }
    }
}
