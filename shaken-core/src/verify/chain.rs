//! Diversions of one call: which `div` vouches for the step after which PASSporT (RFC 8946 §4.2).
//!
//! A diversion *links to* a PASSporT whose `dest` has the party that diverted. Following the links
//! from the *outermost* one, which must lead to where the call goes now, must end at a PASSporT
//! that is no diversion, the *innermost*, of the call as it was first made. A call can have several
//! chains, and one diversion several PASSporTs before it, such as a `shaken` and an `rph` for the
//! same parties. Whoever adds a header must not thereby break a chain that holds, so one way that
//! holds is enough, whatever else links to its PASSporTs or is linked to by them.

use arrayvec::ArrayVec;

use crate::Error;
use crate::claims::{Dest, Orig};

use super::MAX_PASSPORTS;

/// Places of PASSporTs in their list, each once. Small, for it is moved with every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(ArrayVec<u8, MAX_PASSPORTS>);

impl Places {
    fn iter(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.0.iter().map(|place| usize::from(*place))
    }

    fn get(&self, at: usize) -> Option<usize> {
        self.0.get(at).map(|place| usize::from(*place))
    }

    fn contains(&self, place: usize) -> bool {
        self.iter().any(|own| own == place)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push_once(&mut self, place: usize) {
        if let Ok(small) = u8::try_from(place)
            && !self.contains(place)
        {
            // There are no more places than the list has room for.
            let _ = self.0.try_push(small);
        }
    }
}

impl FromIterator<usize> for Places {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut all = Self::default();
        places.into_iter().for_each(|place| all.push_once(place));
        all
    }
}

/// For each place, those that the diversion there links to.
pub(super) type Parents = ArrayVec<Places, MAX_PASSPORTS>;

/// What is known of one PASSporT.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) orig: Orig<'a>,
    pub(super) dest: Dest<'a>,
    pub(super) kind: Kind<'a>,
    /// The place of the `div-o` that it stands in.
    pub(super) nested_in: Option<usize>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// A diversion by this party, of a call whose PASSporT stands beside it.
    Diversion(Orig<'a>),
    /// A diversion by this party, of the call whose PASSporT it holds.
    Around(Orig<'a>),
    /// A PASSporT of the call as it was first made.
    Innermost,
    /// Of a type that is not known: it says where the call went, and proves nothing.
    Unsupported,
}

impl<'a> Kind<'a> {
    fn diverted_by(&self) -> Option<&Orig<'a>> {
        match self {
            Self::Diversion(div) | Self::Around(div) => Some(div),
            Self::Innermost | Self::Unsupported => None,
        }
    }
}

/// One chain of diversions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    diversions: Places,
    innermost: Places,
    /// Of both, those on a way that holds, as far as is known.
    held: Places,
    result: Result<(), Error>,
}

impl Chain {
    /// The places of its diversions in the list of [`Verdict::headers`](super::Verdict::headers),
    /// outermost first: the latest diversion.
    #[must_use]
    pub fn diversions(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.diversions.iter()
    }

    /// The places of the PASSporTs of the call as it was first made.
    #[must_use]
    pub fn innermost(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.innermost.iter()
    }

    /// Whether the chain holds: a way from its outermost diversion to an innermost PASSporT does.
    ///
    /// # Errors
    /// [`Error::DivChainIncomplete`] if a PASSporT before a diversion is missing, which also is
    /// what reordered or circular diversions come to; [`Error::DivChainUnsupported`] if that one
    /// is of a type that is not known; [`Error::DivTargetMismatch`] if the call goes elsewhere;
    /// [`Error::DivOrigMismatch`] if the caller changes along the chain; else the error of one of
    /// its PASSporTs.
    pub fn result(&self) -> Result<(), Error> {
        self.result
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        self.diversions.contains(place) || self.innermost.contains(place)
    }

    pub(super) fn is_outermost(&self, place: usize) -> bool {
        self.diversions.get(0) == Some(place)
    }

    /// Whether the chain holds by way of the PASSporT at `place`.
    pub(super) fn holds_by(&self, place: usize) -> bool {
        self.result.is_ok() && self.held.contains(place)
    }

    /// Lets the first failure stand.
    pub(super) fn fail_with(&mut self, error: Error) {
        self.result = self.result.and(Err(error));
    }

    /// Keeps of the chain what holds by what is known of each PASSporT itself, `own`; fails it if
    /// no way is left, with the error of the first that does not hold.
    pub(super) fn keep_held(&mut self, parents: &Parents, own: impl Fn(usize) -> Result<(), Error>) {
        let before = self.held.clone();
        self.held = self.ways(parents, |place| before.contains(place) && own(place).is_ok());
        if self.held.is_empty() {
            let error = before.iter().find_map(|place| own(place).err());
            self.fail_with(error.unwrap_or(Error::DivChainIncomplete));
        }
    }

    /// All places on a way from the outermost diversion to an innermost PASSporT over good ones;
    /// none if there is no way. Diversions in a circle lead nowhere by themselves.
    fn ways(&self, parents: &Parents, is_good: impl Fn(usize) -> bool) -> Places {
        let parents = |place: usize| parents.get(place).into_iter().flat_map(Places::iter);
        let mut good: Places = self.innermost.iter().filter(|place| is_good(*place)).collect();
        let mut known = usize::MAX;
        while known != good.iter().len() {
            known = good.iter().len();
            for place in self.diversions.iter().filter(|place| is_good(*place)) {
                if parents(place).any(|parent| good.contains(parent)) {
                    good.push_once(place);
                }
            }
        }
        let outermost = self.diversions.get(0).filter(|place| good.contains(*place));
        let mut ways: Places = outermost.into_iter().collect();
        let mut next = 0;
        while let Some(place) = ways.get(next) {
            next += 1;
            parents(place).filter(|place| good.contains(*place)).for_each(|place| ways.push_once(place));
        }
        ways
    }
}

/// What each diversion links to; `None` stands for a PASSporT that could not be read.
pub(super) fn parents(links: &[Option<Link<'_>>]) -> Parents {
    links.iter().enumerate().map(|(place, link)| parents_of(place, link.as_ref(), links)).collect()
}

/// The PASSporTs before the diversion at `place`: those with its caller if there are any, so that
/// of two chains with the same called party each keeps its own; else those with another one, which
/// is then found out.
fn parents_of(place: usize, link: Option<&Link<'_>>, links: &[Option<Link<'_>>]) -> Places {
    let Some((orig, kind, div)) =
        link.and_then(|link| Some((link.orig, link.kind, *link.kind.diverted_by()?)))
    else {
        return Places::default();
    };
    let is_before = |other: usize, link: &Link<'_>| {
        // A `div-o` vouches for the PASSporT that it holds and for no other.
        let is_visible = match kind {
            Kind::Around(_) => link.nested_in == Some(place),
            _ => link.nested_in.is_none(),
        };
        other != place && is_visible && !matches!(link.kind, Kind::Unsupported) && link.dest.contains(&div)
    };
    let (mut same_caller, mut other_caller) = (Places::default(), Places::default());
    for (other, link) in links.iter().enumerate().filter_map(|(other, link)| Some((other, link.as_ref()?))) {
        if is_before(other, link) {
            let places = if link.orig.is(&orig) { &mut same_caller } else { &mut other_caller };
            places.push_once(other);
        }
    }
    if same_caller.is_empty() { other_caller } else { same_caller }
}

/// Finds the chains among the PASSporTs of a call. Nothing is compared with the call yet but where
/// they lead: a diversion that leads to the target is the outermost one of a chain even if another
/// one links to it, which somebody may have added.
pub(super) fn find(
    links: &[Option<Link<'_>>],
    parents: &Parents,
    leads_to_target: impl Fn(usize) -> bool,
) -> ArrayVec<Chain, MAX_PASSPORTS> {
    let diversions = || {
        let link = |place: &usize| links.get(*place)?.as_ref()?.kind.diverted_by();
        (0..links.len()).filter(move |place| link(place).is_some())
    };
    let is_linked_to = |place: &usize| parents.iter().any(|parents| parents.contains(*place));
    let outermost = diversions().filter(|place| !is_linked_to(place) || leads_to_target(*place));
    let mut chains: ArrayVec<Chain, MAX_PASSPORTS> = outermost
        .map(|place| {
            let mut chain = follow(place, links, parents);
            if !leads_to_target(place) {
                chain.fail_with(Error::DivTargetMismatch);
            }
            chain
        })
        .collect();

    // Diversions that only refer to each other have no outermost one.
    let circular: Places =
        diversions().filter(|place| !chains.iter().any(|chain| chain.contains(*place))).collect();
    if !circular.is_empty() {
        let result = Err(Error::DivChainIncomplete);
        let chain =
            Chain { held: circular.clone(), diversions: circular, innermost: Places::default(), result };
        // There are fewer chains than diversions, so that there is room.
        let _ = chains.try_push(chain);
    }
    chains
}

/// The chain from its outermost diversion inwards.
fn follow(outermost: usize, links: &[Option<Link<'_>>], parents: &Parents) -> Chain {
    let mut diversions: Places = [outermost].into_iter().collect();
    let mut innermost = Places::default();
    let mut next = 0;
    let mut result = Err(Error::DivChainIncomplete);
    while let Some(place) = diversions.get(next) {
        next += 1;
        let before = parents.get(place).cloned().unwrap_or_default();
        if before.is_empty() && is_after_unsupported(place, links) {
            result = Err(Error::DivChainUnsupported);
        }
        for parent in before.iter() {
            match links.get(parent) {
                Some(Some(link)) if link.kind.diverted_by().is_some() => diversions.push_once(parent),
                _ => innermost.push_once(parent),
            }
        }
    }
    let held = diversions.iter().chain(innermost.iter()).collect();
    let mut chain = Chain { diversions, innermost, held, result };
    if !chain.ways(parents, |_| true).is_empty() {
        chain.result = Ok(());
    }
    chain
}

/// Whether the callers of all PASSporTs of the chain are the same (RFC 8946 §4.2 step 3).
pub(super) fn has_one_caller(chain: &Chain, links: &[Option<Link<'_>>]) -> bool {
    let mut callers = chain.held.iter().filter_map(|place| Some(links.get(place)?.as_ref()?.orig));
    callers.next().is_none_or(|first| callers.all(|other| other.is(&first)))
}

fn is_after_unsupported(place: usize, links: &[Option<Link<'_>>]) -> bool {
    let Some(div) = links.get(place).and_then(|link| link.as_ref()?.kind.diverted_by()) else {
        return false;
    };
    links.iter().flatten().any(|link| matches!(link.kind, Kind::Unsupported) && link.dest.contains(div))
}
