//! What Teams says of numbers and ways out: `Get-CsPhoneNumberAssignment`, online voice routes, and PSTN
//! usages or voice routing policies.

use std::collections::HashMap;
use std::path::Path;

use super::export_file::{list, read};
use crate::policy::data::{Faults, LoadError, Policy, quoted};
use crate::policy::numbers::E164;

/// The exports of one tenant. What was not given is empty.
#[derive(Debug, Default)]
pub struct Teams {
    numbers: Option<HashMap<u64, Assigned>>,
    sites: Vec<String>,
    plans: Vec<String>,
    /// By the name of the policy, in lower case.
    usages: HashMap<String, Vec<String>>,
    routes: Option<Vec<Route>>,
    passed_over: u64,
}

/// A number of Teams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Place of its site.
    pub(super) site: Option<u32>,
    /// Whether somebody or something has it.
    pub(super) is_assigned: bool,
    /// Place of its voice routing policy.
    plan: Option<u32>,
}

#[derive(Debug)]
struct Route {
    priority: i64,
    usages: Vec<String>,
    /// Trunks of the policy, by their places.
    trunks: Vec<u32>,
}

/// Where Teams sends calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// The trunks of the routes that are tried first: Teams takes any of them.
    pub(super) first: Vec<u32>,
    /// Those of all other routes.
    pub(super) then: Vec<u32>,
}

impl Teams {
    /// Reads `Get-CsPhoneNumberAssignment`. Numbers that are not Direct Routing's are passed over: others
    /// sign their calls.
    ///
    /// # Errors
    /// [`LoadError`]: the file and line of each row that is wrong.
    pub fn read_numbers(&mut self, path: &Path) -> Result<(), LoadError> {
        let mut faults = Faults::default();
        let mut numbers = HashMap::new();
        let (mut sites, mut plans) = (HashMap::new(), HashMap::new());
        let mut passed_over = 0;
        read(path, &NUMBERS, &[0], &mut faults, |fields, _| {
            let [number, kind, status, target, network_site, location, city, plan] = fields;
            if !kind.is_empty() && !kind.eq_ignore_ascii_case("DirectRouting") {
                passed_over += 1;
                return Ok(());
            }
            // An extension is rung behind the number: `tel:+12155550100;ext=10`.
            let text = number.strip_prefix("tel:").unwrap_or(number);
            let text = text.split(';').next().unwrap_or(text);
            let number = E164::of_digits(text.strip_prefix('+').unwrap_or(text))
                .ok_or_else(|| format!("TelephoneNumber {} is no number", quoted(number)))?;
            let site = [network_site, location, city].into_iter().find(|site| !site.is_empty());
            let is_assigned = match *status {
                "" => !target.is_empty(),
                status => !status.eq_ignore_ascii_case("Unassigned"),
            };
            let assigned = Assigned {
                site: site.map(|site| place(&mut sites, site)),
                is_assigned,
                plan: (!plan.is_empty()).then(|| place(&mut plans, &plan_name(plan))),
            };
            match numbers.insert(number.value(), assigned) {
                // Several users ring behind one number by extensions.
                Some(before) if before.is_assigned && !is_assigned => {
                    numbers.insert(number.value(), before);
                }
                _ => {}
            }
            Ok(())
        })?;
        faults.check()?;
        self.numbers = Some(numbers);
        (self.sites, self.plans, self.passed_over) = (in_order(sites), in_order(plans), passed_over);
        Ok(())
    }

    /// Reads `Get-CsOnlinePstnUsage` or `Get-CsOnlineVoiceRoutingPolicy`: for each policy, `Global` if none
    /// is named, its usages in their order.
    ///
    /// # Errors
    /// As [`read_numbers`](Self::read_numbers).
    pub fn read_usages(&mut self, path: &Path) -> Result<(), LoadError> {
        let mut faults = Faults::default();
        let mut usages: HashMap<String, Vec<String>> = HashMap::new();
        read(path, &USAGES, &[1], &mut faults, |[plan, of], _| {
            let plan = if plan.is_empty() { GLOBAL.to_owned() } else { plan_name(plan) };
            usages.entry(plan).or_default().extend(list(of).map(str::to_owned));
            Ok(())
        })?;
        faults.check()?;
        self.usages = usages;
        Ok(())
    }

    /// Reads `Get-CsOnlineVoiceRoute`. A gateway is the trunk that `gateways` names for it, or the one that
    /// has its name.
    ///
    /// # Errors
    /// As [`read_numbers`](Self::read_numbers); a gateway that is no trunk is a fault.
    pub fn read_routes(
        &mut self,
        path: &Path,
        gateways: &[(String, String)],
        policy: &Policy,
    ) -> Result<(), LoadError> {
        let mut faults = Faults::default();
        let mut routes = Vec::new();
        let trunk = |gateway: &str| {
            let named = gateways.iter().find(|(fqdn, _)| fqdn.eq_ignore_ascii_case(gateway));
            let name = named.map_or(gateway, |(_, trunk)| trunk);
            let place = policy.trunks().iter().position(|trunk| trunk.name == name);
            place.map(|place| place as u32).ok_or_else(|| {
                format!("gateway {} is no trunk: give --teams-trunk {gateway}=TRUNK", quoted(gateway))
            })
        };
        read(path, &ROUTES, &[2], &mut faults, |[priority, usages, of], _| {
            let priority = match *priority {
                "" => 0,
                text => text.parse().map_err(|_| format!("Priority {} is no number", quoted(text)))?,
            };
            let trunks = list(of).map(trunk).collect::<Result<_, _>>()?;
            let usages = list(usages).map(str::to_owned).collect();
            routes.push(Route { priority, usages, trunks });
            Ok(())
        })?;
        faults.check()?;
        routes.sort_by_key(|route| route.priority);
        self.routes = Some(routes);
        Ok(())
    }

    /// Whether the numbers of the tenant are known.
    #[must_use]
    pub fn has_numbers(&self) -> bool {
        self.numbers.is_some()
    }

    /// Rows of numbers that are not Direct Routing's.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// What Teams says of a number.
    #[must_use]
    pub fn number(&self, number: u64) -> Option<Assigned> {
        self.numbers.as_ref()?.get(&number).copied()
    }

    /// All numbers, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.numbers.iter().flat_map(HashMap::keys).copied()
    }

    /// The name of a site.
    #[must_use]
    pub fn site(&self, place: u32) -> &str {
        self.sites.get(place as usize).map_or("", String::as_str)
    }

    /// Where calls of a number go; nothing if routes are not known.
    #[must_use]
    pub fn ways(&self, assigned: Assigned) -> Option<Ways> {
        let routes = self.routes.as_ref()?;
        let plan =
            assigned.plan.and_then(|plan| self.plans.get(plan as usize)).map_or(GLOBAL, String::as_str);
        let mut ways = Ways::default();
        let mut add = |route: &Route| {
            let is_first = ways.first.is_empty();
            let to = if is_first { &mut ways.first } else { &mut ways.then };
            to.extend(&route.trunks);
        };
        match self.usages.get(plan) {
            Some(usages) => {
                for usage in usages {
                    routes.iter().filter(|route| route.usages.contains(usage)).for_each(&mut add);
                }
            }
            // Without usages every route is open.
            None if self.usages.is_empty() => routes.iter().for_each(&mut add),
            None => {}
        }
        ways.then.retain(|trunk| !ways.first.contains(trunk));
        ways.then.sort_unstable();
        ways.then.dedup();
        Some(ways)
    }

    /// Whether Teams sends calls to a trunk.
    #[must_use]
    pub fn uses(&self, trunk: u32) -> bool {
        self.routes.iter().flatten().any(|route| route.trunks.contains(&trunk))
    }
}

fn place(places: &mut HashMap<String, u32>, name: &str) -> u32 {
    if let Some(place) = places.get(name) {
        return *place;
    }
    let place = places.len() as u32;
    places.insert(name.to_owned(), place);
    place
}

fn in_order(places: HashMap<String, u32>) -> Vec<String> {
    let mut all: Vec<_> = places.into_iter().collect();
    all.sort_unstable_by_key(|(_, place)| *place);
    all.into_iter().map(|(name, _)| name).collect()
}

/// `Tag:Sales` and `Sales` are the same policy.
fn plan_name(text: &str) -> String {
    let text = text.to_lowercase();
    text.strip_prefix("tag:").unwrap_or(&text).to_owned()
}

const GLOBAL: &str = "global";

const NUMBERS: [&[&str]; 8] = [
    &["TelephoneNumber"],
    &["NumberType"],
    &["PstnAssignmentStatus"],
    &["AssignedPstnTargetId"],
    &["NetworkSiteId"],
    &["LocationId"],
    &["City"],
    &["OnlineVoiceRoutingPolicy"],
];
const USAGES: [&[&str]; 2] = [&["Identity", "Name"], &["Usage", "OnlinePstnUsages"]];
const ROUTES: [&[&str]; 3] = [&["Priority"], &["OnlinePstnUsages"], &["OnlinePstnGatewayList"]];
