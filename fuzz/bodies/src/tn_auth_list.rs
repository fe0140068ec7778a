//! The value of a TNAuthList extension.

use shaken_core::cert::tn_auth_list::{Coverage, TnEntry};
use shaken_core::cert::{TnAuthList, read_chain};
use shaken_core::{Error, TelephoneNumber};
use shaken_test_vectors::VectorFile;

use crate::der::{bytes, explicit, integer, sequence};

/// What parses is written again to the same entries, and covers a number exactly when counting
/// through its ranges says so.
pub fn run(input: &[u8]) {
    let list = match TnAuthList::from_der(input) {
        Ok(list) => list,
        Err(Error::TnAuthListInvalid { offset }) => {
            assert!(offset <= input.len());
            return;
        }
        Err(error) => panic!("{error:?} is not an error of the list"),
    };
    assert!(!list.entries().is_empty());
    let entries: Vec<Entry> = list.entries().iter().map(Entry::read).collect();
    let written = sequence(&entries.iter().flat_map(Entry::write).collect::<Vec<u8>>());
    assert_eq!(TnAuthList::from_der(&written).as_ref(), Ok(&list), "written and read again");
    // DER has one spelling. Only a range may have elements that we do not keep.
    if entries.iter().any(|entry| matches!(entry, Entry::Range { .. })) {
        assert!(written.len() <= input.len());
    } else {
        assert_eq!(written, input);
    }

    let names_provider = entries.iter().any(|entry| matches!(entry, Entry::Spc(_)));
    assert_eq!(list.spc().is_some(), names_provider);
    for number in entries.iter().take(32).flat_map(Entry::around) {
        let Ok(tn) = TelephoneNumber::parse(&number) else { continue };
        let expected = if entries.iter().any(|entry| entry.holds(&number)) {
            Coverage::Listed
        } else if names_provider {
            Coverage::ByProvider
        } else {
            Coverage::Uncovered
        };
        assert_eq!(list.coverage(&tn), expected, "{number}");
    }
}

/// An entry, from what it shows.
enum Entry {
    Spc(String),
    Range { start: String, count: u64 },
    One(String),
}

impl Entry {
    fn read(entry: &TnEntry) -> Self {
        let shown = entry.to_string();
        match (entry, shown.split(' ').collect::<Vec<_>>().as_slice()) {
            (TnEntry::Spc(spc), ["spc", code]) => {
                assert!(spc.as_str() == *code && !code.is_empty());
                assert!(code.bytes().all(|b| b.is_ascii_graphic()));
                Self::Spc((*code).to_owned())
            }
            (TnEntry::Range(_), ["range", start, count]) => {
                let count = count.strip_prefix('x').and_then(|count| count.parse().ok());
                let count = count.unwrap_or_else(|| panic!("{shown} has no count"));
                assert!(count >= 2 && start.len() <= 15);
                Self::Range { start: (*start).to_owned(), count }
            }
            (TnEntry::One(tn), ["one", number]) => {
                assert!(tn.as_str() == *number && number.len() <= 15);
                Self::One((*number).to_owned())
            }
            _ => panic!("{entry:?} shows as {shown:?}"),
        }
    }

    fn write(&self) -> Vec<u8> {
        let text = |text: &str| bytes(0x16, text.as_bytes());
        match self {
            Self::Spc(code) => explicit(0, &text(code)),
            Self::Range { start, count } => {
                let count = count.to_be_bytes();
                let zeros = count.iter().take_while(|byte| **byte == 0).count();
                // One more byte where the first one would be a sign.
                let from = if count[zeros] > 0x7f { zeros - 1 } else { zeros };
                explicit(1, &sequence(&[text(start), integer(&count[from..])].concat()))
            }
            Self::One(number) => explicit(2, &text(number)),
        }
    }

    /// Numbers in and next to the entry.
    fn around(&self) -> Vec<String> {
        match self {
            Self::Spc(_) => vec!["12155550121".to_owned()],
            Self::One(number) => vec![number.clone(), format!("0{number}"), format!("{number}0")],
            Self::Range { start, count } => {
                let len = start.len();
                let first: u64 = start.parse().unwrap_or_else(|_| panic!("{start} has no successor"));
                let steps = [Some(0), Some(1), Some(count - 1), Some(*count), Some(count / 2)];
                let inside_and_behind = steps.into_iter().flatten().map(|step| first.saturating_add(step));
                inside_and_behind
                    .chain(first.checked_sub(1))
                    .map(|value| format!("{value:0len$}"))
                    .chain([format!("0{start}")])
                    .collect()
            }
        }
    }

    /// By the words of RFC 8226 §9: `count` numbers from `start` on, of as many digits.
    fn holds(&self, number: &str) -> bool {
        match self {
            Self::Spc(_) => false,
            Self::One(one) => one == number,
            Self::Range { start, count } => {
                let value = |text: &str| text.parse::<u64>().ok();
                number.len() == start.len()
                    && value(number)
                        .zip(value(start))
                        .is_some_and(|(number, start)| (start..start + count).contains(&number))
            }
        }
    }
}

pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    let chains = crate::certificate_bodies(vectors).filter_map(|body| read_chain(body).ok());
    chains.flatten().filter_map(|certificate| extension_value(certificate.der())).collect()
}

/// What stands behind the object identifier of the extension, well-formed or not.
fn extension_value(certificate: &[u8]) -> Option<Vec<u8>> {
    const ID: &[u8] = &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 1, 26];
    let at = certificate.windows(ID.len()).position(|window| window == ID)?;
    let behind = certificate.get(at + ID.len()..)?;
    let value = behind.strip_prefix(&[0x01, 0x01, 0xff]).unwrap_or(behind).strip_prefix(&[0x04])?;
    let (len, value) = match value {
        [len @ 0..=0x7f, value @ ..] => (usize::from(*len), value),
        [0x81, len, value @ ..] => (usize::from(*len), value),
        [0x82, high, low, value @ ..] => (usize::from(*high) << 8 | usize::from(*low), value),
        _ => return None,
    };
    value.get(..len).map(<[u8]>::to_vec)
}
