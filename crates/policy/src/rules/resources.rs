//! `rules/resources`: containers have requests and limits, within bounds.
//!
//! Fields: `resources.requests` and `resources.limits` of every container and of the pod.
//! Required: a quantity above zero for each resource that the settings name (the kubelet treats a limit of zero as
//! none). A limit also counts as the request if that is unset, as the API server sets it. A value of the whole pod
//! counts for containers that lack one. Ephemeral containers are not judged: they cannot have resources.
//!
//! On an update that changes neither containers nor images (`pods/resize`), only increases count.
//!
//! Bounded: no quantity of a container exceeds the settings' `max`, nor does the pod's if a container lacks its own. A
//! missing limit exceeds nothing: use `limits` to require one. The API server itself compares requests with limits. An
//! invalid quantity counts as missing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::pss::{self, ContainerKind, Finding, Findings, Place, Pod};

use super::{quantity::Quantity, rule::Rule};

pub(super) static RULE: Rule =
    Rule { id: "rules/resources", reason: "resources missing or above their bounds" };

/// The required and maximum resources, by name: `cpu`, `memory`, `nvidia.com/gpu`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Resources that need a request.
    pub requests: BTreeSet<String>,
    /// Resources that need a limit.
    pub limits: BTreeSet<String>,
    /// The maximum quantity of resources.
    pub max: BTreeMap<String, Bound>,
}

/// The maximum allowed quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its value.
    pub quantity: Quantity,
    /// The text in the configuration.
    pub text: String,
}

/// The list that a quantity is in.
#[derive(Clone, Copy)]
enum ResourceList {
    Requests,
    Limits,
}

/// The value of a quantity.
#[derive(Clone, Copy, PartialEq)]
enum RequestedAmount {
    Unset,
    Impossible,
    Of(Quantity),
}

/// The amounts of one resource.
#[derive(Clone, Copy)]
struct Amounts {
    request: RequestedAmount,
    limit: RequestedAmount,
}

pub(super) fn find(demanded: &Resources, pod: &Pod<'_>, found: &mut Findings) {
    each(demanded, pod, |finding, _| found.add(finding));
}

/// Finds the violations that an update adds or increases: a pod above its bounds may shrink step by step.
pub(super) fn find_raised(
    demanded: &Resources,
    pod: &Pod<'_>,
    old: &Pod<'_>,
    found: &mut Findings,
) {
    let mut before = HashMap::new();
    each(demanded, old, |Finding { place, path, .. }, amount| {
        before.insert((place, path), amount);
    });
    each(demanded, pod, |finding, amount| {
        let key = (finding.place, finding.path.clone());
        let is_raised = match (before.get(&key), amount) {
            (Some(RequestedAmount::Of(old)), RequestedAmount::Of(new)) => new > *old,
            (old, new) => old != Some(&new),
        };
        if is_raised {
            found.add(finding);
        }
    });
}

/// Passes on every violation, with the quantity that is set there.
fn each(demanded: &Resources, pod: &Pod<'_>, mut report: impl FnMut(Finding, RequestedAmount)) {
    let of_pod = pod.spec.resources.as_ref();
    let one = |name| One { name, max: demanded.max.get(name) };
    // Parsed once, because a quantity may have any length.
    let shared = demanded.names().into_iter().map(|name| (one(name), Amounts::of(of_pod, name)));
    let shared: Vec<_> = shared.collect();
    // A violation of the pod is reported once, however many containers rely on it.
    let mut reported = HashSet::new();
    for (place, container) in pod.containers().filter(|(place, _)| !is_ephemeral(*place)) {
        for &(one, shared) in &shared {
            let own = Amounts::of(container.resources.as_ref(), one.name);
            one.wrong(place, own).for_each(|(finding, amount)| report(finding, amount));
            let lacking = one.lacking(place, own, shared, demanded);
            lacking.for_each(|finding| report(finding, RequestedAmount::Unset));
            let of_pod = one.wrong(Place::Pod, shared.relied_on(own));
            let of_pod = of_pod.filter(|(finding, _)| reported.insert(finding.path.clone()));
            of_pod.for_each(|(finding, amount)| report(finding, amount));
        }
    }
}

fn is_ephemeral(place: Place) -> bool {
    matches!(place, Place::Container { kind: ContainerKind::Ephemeral, .. })
}

impl Resources {
    /// All resources with a requirement, without duplicates.
    fn names(&self) -> BTreeSet<&str> {
        let lists = self.requests.iter().chain(&self.limits).chain(self.max.keys());
        lists.map(String::as_str).collect()
    }
}

impl RequestedAmount {
    fn of(written: Option<&str>) -> Self {
        written.map_or(Self::Unset, |text| text.parse().map_or(Self::Impossible, Self::Of))
    }

    fn is_positive(self) -> bool {
        matches!(self, Self::Of(quantity) if quantity > Quantity::ZERO)
    }
}

impl Amounts {
    fn of(resources: Option<&pss::Resources<'_>>, name: &str) -> Self {
        Self {
            request: RequestedAmount::of(resources.and_then(|it| it.requests.get(name))),
            limit: RequestedAmount::of(resources.and_then(|it| it.limits.get(name))),
        }
    }

    /// The pod's amounts that apply to a container with its own amounts.
    fn relied_on(self, own: Self) -> Self {
        let has_limit = own.limit.is_positive();
        let has_request = has_limit || own.request.is_positive();
        Self {
            request: if has_request { RequestedAmount::Unset } else { self.request },
            limit: if has_limit { RequestedAmount::Unset } else { self.limit },
        }
    }
}

/// One resource and its bound.
#[derive(Clone, Copy)]
struct One<'r> {
    name: &'r str,
    max: Option<&'r Bound>,
}

impl One<'_> {
    /// The amounts that are set and not allowed.
    fn wrong(
        self,
        place: Place,
        amounts: Amounts,
    ) -> impl Iterator<Item = (Finding, RequestedAmount)> {
        [(ResourceList::Requests, amounts.request), (ResourceList::Limits, amounts.limit)]
            .into_iter()
            .filter_map(move |(list, amount)| {
                let path = self.path(list);
                let fix = match (amount, self.max) {
                    (RequestedAmount::Impossible, _) => {
                        format!("set {path} to a quantity, such as 1")
                    }
                    (RequestedAmount::Of(quantity), Some(max)) if quantity > max.quantity => {
                        format!("set {path} to at most {}", max.text)
                    }
                    (RequestedAmount::Unset | RequestedAmount::Of(_), _) => return None,
                };
                Some((Finding::new(place, path, fix), amount))
            })
    }

    /// The amounts that are required and missing.
    fn lacking(
        self,
        place: Place,
        own: Amounts,
        shared: Amounts,
        demanded: &Resources,
    ) -> impl Iterator<Item = Finding> {
        // The API server fills in an unset request, but not a request of zero.
        let by_limit = own.request == RequestedAmount::Unset && own.limit.is_positive();
        let has_request = own.request.is_positive()
            || by_limit
            || shared.request.is_positive()
            || shared.limit.is_positive();
        let has_limit = own.limit.is_positive() || shared.limit.is_positive();
        [
            (
                demanded.requests.contains(self.name) && !has_request,
                ResourceList::Requests,
                own.request,
            ),
            (demanded.limits.contains(self.name) && !has_limit, ResourceList::Limits, own.limit),
        ]
        .into_iter()
        // An invalid amount has been reported already.
        .filter(|(is_lacking, _, amount)| *is_lacking && *amount != RequestedAmount::Impossible)
        .map(move |(_, list, amount)| {
            let path = self.path(list);
            let fix = match (amount, self.max) {
                (RequestedAmount::Of(_), _) => format!("set {path} to more than 0"),
                (_, Some(max)) => format!("set {path}, to at most {}", max.text),
                (_, None) => format!("set {path}"),
            };
            Finding::new(place, path, fix)
        })
    }

    fn path(self, list: ResourceList) -> String {
        let list = match list {
            ResourceList::Requests => "requests",
            ResourceList::Limits => "limits",
        };
        match self.name {
            name if name.contains('.') => format!("resources.{list}[{name}]"),
            name => format!("resources.{list}.{name}"),
        }
    }
}
