//! What numbers mean that are written without `+` (RFC 8224 §8.3 step 2).
//!
//! A list or a rule holds numbers in international form. Who may write the same number in national form as
//! well is past it, and far ends that do write it in international form find another number in the PASSporT.

use shaken_core::TelephoneNumber;

/// How numbers are dialled on a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Plan {
    /// With country code, as with `+`.
    #[default]
    E164,
    /// As in North America: ten digits are of country code 1, 011 goes abroad.
    Nanp,
    /// As in France: 0 and nine digits are of country code 33, 00 goes abroad.
    Fr,
}

/// Whether a number was written so that it means the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it was or it was not")]
pub enum Written {
    /// With `+`, or where the protocol has numbers with country code only.
    Global,
    /// As it is dialled.
    Dialled,
}

impl Written {
    /// How `text` is written, a number and no URI.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.trim_start_matches(' ').starts_with('+') { Self::Global } else { Self::Dialled }
    }
}

impl Plan {
    /// The number that is meant by `tn`, in international form; `tn` itself if the plan has no other meaning
    /// for it, as of service codes and of what is no number at all.
    #[must_use]
    pub fn meant(self, tn: TelephoneNumber, written: Written) -> TelephoneNumber {
        if written == Written::Global {
            return tn;
        }
        let national = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let digits = tn.as_str();
        let international = match self {
            Self::E164 => None,
            Self::Nanp => match digits.as_bytes() {
                // Neither area code nor exchange begins with 0 or 1.
                [b'2'..=b'9', _, _, b'2'..=b'9', _, _, _, _, _, _] if national(digits) => Some(("1", digits)),
                _ => digits.strip_prefix("011").map(|abroad| ("", abroad)),
            },
            Self::Fr => match digits.strip_prefix('0') {
                Some(own) if own.len() == 9 && !own.starts_with('0') => Some(("33", own)),
                Some(abroad) => abroad.strip_prefix('0').map(|abroad| ("", abroad)),
                None => None,
            },
        };
        let is_whole = |(_, rest): &(&str, &str)| rest.len() >= MIN_ABROAD && national(rest);
        let meant = international.filter(is_whole).map(|(code, rest)| format!("{code}{rest}"));
        meant.and_then(|meant| TelephoneNumber::parse(&meant).ok()).unwrap_or(tn)
    }
}

/// No country's numbers are shorter with their country code.
const MIN_ABROAD: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_however_it_is_dialled() {
        let meant = |plan: Plan, text: &str| {
            plan.meant(TelephoneNumber::parse(text).unwrap(), Written::of(text)).as_str().to_owned()
        };
        for (plan, text, number) in [
            (Plan::Nanp, "2025550199", "12025550199"),
            (Plan::Nanp, "(202) 555-0199", "12025550199"),
            (Plan::Nanp, "12025550199", "12025550199"),
            (Plan::Nanp, "+12025550199", "12025550199"),
            (Plan::Nanp, "+2025550199", "2025550199"),
            (Plan::Nanp, "011442079460000", "442079460000"),
            (Plan::Nanp, "2021550199", "2021550199"),
            (Plan::Nanp, "0112", "0112"),
            (Plan::Nanp, "202555019*", "202555019*"),
            (Plan::Nanp, "911", "911"),
            (Plan::Nanp, "5550199", "5550199"),
            (Plan::Fr, "0199005501", "33199005501"),
            (Plan::Fr, "01 99 00 55 01", "33199005501"),
            (Plan::Fr, "0012025550199", "12025550199"),
            (Plan::Fr, "+33199005501", "33199005501"),
            (Plan::Fr, "33199005501", "33199005501"),
            (Plan::Fr, "112", "112"),
            (Plan::Fr, "3900", "3900"),
            (Plan::Fr, "019900550*", "019900550*"),
            (Plan::E164, "2025550199", "2025550199"),
            (Plan::E164, "0199005501", "0199005501"),
        ] {
            assert_eq!(meant(plan, text), number, "{plan:?} {text}");
        }
    }
}
