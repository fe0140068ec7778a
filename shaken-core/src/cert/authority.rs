//! What the TNAuthLists of a path allow together: that of the signer, and those of its issuers,
//! each of which limits all that is issued under it (RFC 8226 §9, RFC 9060 §4).

use super::certificate::Certificate;
use super::encompass::{self, Encompassing};
use super::tn_auth_list::{Coverage, TnAuthList};
use crate::{Error, TelephoneNumber};

/// The lists of one path.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    /// `None` if the signing certificate has none, neither by value nor by reference.
    signer: Option<PathList>,
    /// Of those issuers that have one, the lowest first.
    issuers: Vec<PathList>,
}

/// The list of one certificate.
#[derive(Clone, Debug)]
struct PathList {
    /// [`Error::TnAuthListByReference`] as long as nobody brought it.
    list: Result<TnAuthList, Error>,
    /// Where it is, if it is not in the certificate.
    url: Option<Box<str>>,
}

impl Authority {
    /// # Errors
    /// [`Error::TnAuthListInvalid`] if an issuer's list cannot be read. The signer's is a matter
    /// of the call: whoever verifies one decides by its policy.
    pub(super) fn of(signer: &Certificate, issuers: &[&Certificate]) -> Result<Self, Error> {
        let issuers: Vec<PathList> = issuers.iter().filter_map(|issuer| PathList::of(issuer)).collect();
        if let Some(error @ Error::TnAuthListInvalid { .. }) = issuers.iter().find_map(PathList::error) {
            return Err(error);
        }
        Ok(Self { signer: PathList::of(signer), issuers })
    }

    /// Whether the certificate may be used for `tn`.
    pub(super) fn over(&self, tn: &TelephoneNumber) -> Result<(), Error> {
        self.check(|list| list.coverage(tn) != Coverage::Uncovered)
    }

    /// Whether the certificate may be used for an identity that is no number.
    pub(super) fn over_uris(&self) -> Result<(), Error> {
        self.check(|list| list.spc().is_some())
    }

    fn check(&self, allows: impl Fn(&TnAuthList) -> bool) -> Result<(), Error> {
        for PathList { list, .. } in self.signer.iter().chain(&self.issuers) {
            if !allows(list.as_ref().map_err(|error| *error)?) {
                return Err(Error::TnNotAuthorized);
            }
        }
        // Only now: this error says that nothing else stands against the certificate.
        self.signer.as_ref().map(drop).ok_or(Error::TnAuthListMissing)
    }

    /// Whether there is a list, and another one above it.
    pub(super) fn is_delegated(&self) -> bool {
        self.signer.is_some() && !self.issuers.is_empty()
    }

    /// The worst outcome of each list with the next one above it. RFC 9060 §4 wants all pairs;
    /// those that are not neighbours follow from those that are.
    pub(super) fn encompassing(&self) -> Encompassing {
        let lower = self.signer.iter().chain(&self.issuers);
        let upper = self.issuers.iter().skip(usize::from(self.signer.is_none()));
        let pairs = lower
            .zip(upper)
            .map(|(lower, upper)| encompass::of_pair(upper.list.as_ref(), lower.list.as_ref()));
        pairs.max().unwrap_or(Encompassing::Encompassed)
    }

    /// The URLs of lists that are not at hand.
    pub(super) fn missing_urls(&self) -> impl Iterator<Item = &str> {
        let all = self.signer.iter().chain(&self.issuers);
        all.filter(|one| one.list.is_err()).filter_map(|one| one.url.as_deref())
    }

    /// Takes `list` as what is at `url`.
    pub(super) fn supply(&mut self, url: &str, list: &TnAuthList) {
        for one in self.signer.iter_mut().chain(&mut self.issuers) {
            if one.url.as_deref() == Some(url) {
                one.list = Ok(list.clone());
            }
        }
    }

    /// Takes over the lists that were supplied to `other`.
    pub(super) fn supply_from(&mut self, other: &Self) {
        for one in other.signer.iter().chain(&other.issuers) {
            if let (Some(url), Ok(list)) = (&one.url, &one.list) {
                self.supply(url, list);
            }
        }
    }

    /// How many bytes of heap it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        let all = self.signer.iter().chain(&self.issuers);
        let heap_bytes = |one: &PathList| {
            size_of_val(one)
                + one.list.as_ref().map_or(0, TnAuthList::heap_bytes)
                + one.url.as_ref().map_or(0, |url| url.len())
        };
        all.map(heap_bytes).sum()
    }
}

impl PathList {
    fn of(certificate: &Certificate) -> Option<Self> {
        let list = certificate.tn_auth_list()?.clone();
        let url = certificate.tn_auth_list_url().map(Into::into);
        Some(Self { list, url })
    }

    fn error(&self) -> Option<Error> {
        self.list.as_ref().err().copied()
    }
}
