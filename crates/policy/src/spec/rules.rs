//! The `rules` block: the enabled rules beyond the Standard, and their settings.

use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    dns,
    pattern::Pattern,
    rules::{
        AppArmor, Bound, Check, Demand, HostPath, Mode, Numbers, Quantity, Ranges, Registries,
        Repository, Resources,
    },
};

use super::{
    List, Set,
    allow::port,
    list::{Collection, wrong},
    text::{Scalar, Written, one_of, pattern},
};

/// Maximum number of patterns in a list: a pod only pays for patterns that may match.
pub(super) const MOST_PATTERNS: usize = 1024;

/// Rules, by name. A rule is set to a mode, or to a mapping of `mode` and settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rules {
    read_only_root_filesystem: Option<Rule<Plain>>,
    service_account_token: Option<Rule<Plain>>,
    default_service_account: Option<Rule<Plain>>,
    app_armor_profile: Option<Rule<Listing<Set<AppArmorProfile, MOST_PATTERNS, 1>>>>,
    seccomp_localhost: Option<Rule<Listing<Set<SeccompProfile, MOST_PATTERNS>>>>,
    se_linux: Option<Rule<Listing<Set<Pattern, MOST_PATTERNS>>>>,
    resources: Option<Rule<ResourceRule>>,
    image_registries: Option<Rule<RegistryRule>>,
    image_tag: Option<Rule<Plain>>,
    image_digest: Option<Rule<Plain>>,
    run_as_group: Option<Rule<Ranging>>,
    run_as_user_range: Option<Rule<Ranging>>,
    user_namespaces: Option<Rule<Plain>>,
    added_capabilities: Option<Rule<Listing<Set<AddedCapability>>>>,
    host_paths: Option<Rule<Listing<List<Vec<HostPath>>>>>,
    host_ports: Option<Rule<Listing<List<Ports>>>>,
}

impl Rules {
    /// The rules that are not off, in the order of their table.
    pub fn demands(self) -> Vec<Demand> {
        let all = [
            demand(self.read_only_root_filesystem, |_| Check::ReadOnlyRootFilesystem),
            demand(self.service_account_token, |_| Check::ServiceAccountToken),
            demand(self.default_service_account, |_| Check::DefaultServiceAccount),
            demand(self.app_armor_profile, |rule| {
                let profiles = rule.allowed.map(|set| set.0.into_iter().map(|it| it.0));
                Check::AppArmorProfile(profiles.map_or_else(AppArmor::default, AppArmor::from_iter))
            }),
            demand(self.seccomp_localhost, |rule| {
                let profiles = rule.allowed.unwrap_or_default().0;
                Check::SeccompLocalhost(profiles.into_iter().map(|it| it.0).collect())
            }),
            demand(self.se_linux, |rule| {
                Check::SeLinux(rule.allowed.unwrap_or_default().0.into_iter().collect())
            }),
            demand(self.resources, |rule| Check::Resources(rule.into())),
            demand(self.image_registries, |rule| {
                Check::ImageRegistries(Registries::from_iter(rule.allowed.0))
            }),
            demand(self.image_tag, |_| Check::ImageTag),
            demand(self.image_digest, |_| Check::ImageDigest),
            demand(self.run_as_group, |rule| Check::RunAsGroup(rule.ids())),
            demand(self.run_as_user_range, |rule| Check::RunAsUserRange(rule.ids())),
            demand(self.user_namespaces, |_| Check::UserNamespaces),
            demand(self.added_capabilities, |rule| {
                let names = rule.allowed.unwrap_or_default().0;
                Check::AddedCapabilities(names.into_iter().map(|name| name.0).collect())
            }),
            demand(self.host_paths, |rule| {
                let mut paths = rule.allowed.unwrap_or_default().0;
                // So that equal lists compare as equal in any order.
                paths.sort_unstable();
                Check::HostPaths(paths)
            }),
            demand(self.host_ports, |rule| Check::HostPorts(rule.allowed.unwrap_or_default().0.0)),
        ];
        all.into_iter().flatten().collect()
    }
}

fn demand<S: Settings>(rule: Option<Rule<S>>, check: fn(S) -> Check) -> Option<Demand> {
    let Rule(mut settings) = rule?;
    match *settings.mode() {
        Some(RuleMode::On(mode)) => Some(Demand { mode, check: check(settings) }),
        Some(RuleMode::Off) | None => None,
    }
}

/// The consequence of a violation, or that a rule is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleMode {
    Off,
    On(Mode),
}

const MODES: &str = "must be one of off, warn, audit, enforce";

impl FromStr for RuleMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::On).map_err(|_| MODES),
        }
    }
}

/// A rule, written as a mode or as a mapping.
#[derive(Clone, Debug)]
struct Rule<S>(S);

/// The settings of a rule.
trait Settings: Default {
    fn mode(&mut self) -> &mut Option<RuleMode>;

    /// Settings of which one must be set, because the rule would otherwise match nothing or everything.
    fn lacks(&self) -> Option<&'static str> {
        None
    }
}

impl<'de, S: Settings + Deserialize<'de>> Deserialize<'de> for Rule<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleVisitor(PhantomData))
    }
}

struct RuleVisitor<S>(PhantomData<S>);

impl<S: Settings> RuleVisitor<S> {
    fn checked<E: de::Error>(mut settings: S) -> Result<Rule<S>, E> {
        let mode = *settings.mode();
        match settings.lacks().filter(|_| !matches!(mode, Some(RuleMode::Off))) {
            Some(needed) => Err(E::missing_field(needed)),
            None if mode.is_none() => Err(E::missing_field("mode")),
            None => Ok(Rule(settings)),
        }
    }
}

impl<'de, S: Settings + Deserialize<'de>> Visitor<'de> for RuleVisitor<S> {
    type Value = Rule<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mode or a mapping")
    }

    fn visit_str<E: de::Error>(self, mode: &str) -> Result<Rule<S>, E> {
        let mut settings = S::default();
        *settings.mode() = Some(mode.parse().map_err(|why| E::custom(wrong(mode, why)))?);
        Self::checked(settings)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rule<S>, A::Error> {
        Self::checked(S::deserialize(MapAccessDeserializer::new(map))?)
    }
}

impl<S: JsonSchema> JsonSchema for Rule<S> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("RuleOf{}", S::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [RuleMode::schema(), S::json_schema(generator)]})
    }
}

/// Defines the settings of rules.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident$(<$list:ident>)? { $($(#[$of:meta])* $field:ident: $type:ty,)* } $(=> $lacks:expr;)?)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        #[schemars(extend("required" = ["mode"]))]
        struct $name$(<$list>)? {
            /// What a violation leads to.
            mode: Option<RuleMode>,
            $($(#[$of])* $field: $type,)*
        }

        impl$(<$list>)? Default for $name$(<$list>)? {
            fn default() -> Self {
                Self { mode: None, $($field: Default::default(),)* }
            }
        }

        impl$(<$list>)? Settings for $name$(<$list>)? {
            fn mode(&mut self) -> &mut Option<RuleMode> {
                &mut self.mode
            }

            $(fn lacks(&self) -> Option<&'static str> {
                let lacks: fn(&Self) -> Option<&'static str> = $lacks;
                lacks(self)
            })?
        }
    )+};
}

settings! {
    /// A rule without settings.
    Plain {}
    /// A rule that allows the listed values, by default none or a few.
    Listing<L> {
        /// What is allowed.
        allowed: Option<L>,
    }
    /// A rule on ids of users or groups.
    Ranging {
        /// Ids and ranges of ids. All except root by default.
        ranges: Option<List<Ids, 256, 1>>,
    }
    /// The rule on registries.
    RegistryRule {
        /// Registries and repositories; "*" stands for any characters.
        allowed: Set<Repository, MOST_PATTERNS>,
    } => |rule| rule.allowed.0.is_empty().then_some("allowed");
    /// The rule on resources.
    ResourceRule {
        /// Resources that need a request.
        requests: Set<ResourceName>,
        /// Resources that need a limit.
        limits: Set<ResourceName>,
        /// The maximum quantity of resources.
        max: BTreeMap<ResourceName, Maximum>,
    } => |rule| {
        let is_empty = rule.requests.0.is_empty() && rule.limits.0.is_empty() && rule.max.is_empty();
        is_empty.then_some("requests, limits, max")
    };
}

impl Ranging {
    fn ids(self) -> Ranges {
        self.ranges.map_or_else(|| Ranges::all(Numbers::Ids), |List(ids)| ids.0)
    }
}

impl From<ResourceRule> for Resources {
    fn from(rule: ResourceRule) -> Self {
        let names = |set: Set<ResourceName>| set.0.into_iter().map(|name| name.0).collect();
        let max = rule.max.into_iter().map(|(name, maximum)| (name.0, maximum.0));
        Self { requests: names(rule.requests), limits: names(rule.limits), max: max.collect() }
    }
}

/// A profile of AppArmor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AppArmorProfile(Pattern);

impl FromStr for AppArmorProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        AppArmor::profile(text).map(Self).map_err(|error| error.to_string())
    }
}

/// A seccomp profile of the node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeccompProfile(Pattern);

impl FromStr for SeccompProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err(
                "must be a path below the kubelet's seccomp folder: not absolute, without \"..\""
                    .to_owned(),
            );
        }
        Pattern::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

/// A maximum quantity.
#[derive(Clone, Debug)]
struct Maximum(Bound);

impl FromStr for Maximum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let quantity: Quantity =
            text.parse().map_err(|error: crate::rules::InvalidQuantity| error.to_string())?;
        let is_some = quantity > Quantity::ZERO;
        let bound = Bound { quantity, text: text.to_owned() };
        is_some.then_some(Self(bound)).ok_or_else(|| "must be more than 0".to_owned())
    }
}

texts! {
    /// A resource of containers. Kubernetes' own have no domain in their names; all others have one.
    ResourceName [NUMBERS]: is_resource => "must be a resource of containers: cpu, memory, ephemeral-storage, hugepages-2Mi, or one with a domain such as nvidia.com/gpu",
        json_schema!({"type": "string", "minLength": 1});
    /// A capability that may be added.
    AddedCapability [NUMBERS]: is_capability => "must be a capability in upper case, without CAP_: NET_BIND_SERVICE",
        pattern("^[A-Z0-9_]+$");
}

fn is_resource(name: &str) -> bool {
    let is_own = matches!(name, "cpu" | "memory" | "ephemeral-storage")
        || name.strip_prefix("hugepages-").is_some_and(|size| size.parse::<Quantity>().is_ok());
    let is_extended = name.split_once('/').is_some_and(|(domain, name)| {
        let is_known =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        dns::is_subdomain(domain) && (1..=63).contains(&name.len()) && name.bytes().all(is_known)
    });
    is_own || is_extended
}

fn is_capability(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && !name.starts_with("CAP_") && name.bytes().all(is_known)
}

impl FromStr for Repository {
    type Err = crate::rules::InvalidRepository;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Defines a list of numbers and ranges of them: `[9100, "30000-30010"]`.
macro_rules! ranges {
    ($($(#[$doc:meta])* $name:ident: $numbers:expr, $schema:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        struct $name(Ranges);

        impl Collection for $name {
            type Item = Scalar;

            fn add(&mut self, Scalar(text): Scalar) -> Result<(), String> {
                self.0.add(&text, $numbers).map_err(|why| wrong(&text, why))
            }

            fn schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

ranges! {
    /// Ids of users or groups.
    Ids: Numbers::Ids, json_schema!({"type": ["integer", "string"], "minimum": 1, "pattern": "^[0-9]+(-[0-9]+)?$"});
    /// Ports of the node.
    Ports: Numbers::Ports, port();
}

fn name_or_pattern() -> Schema {
    json_schema!({"type": ["string", "number"], "minLength": 1, "maxLength": crate::pattern::MAX_BYTES})
}

written! {
    RuleMode: one_of(["off", "warn", "audit", "enforce"]);
    AppArmorProfile: pattern("^(RuntimeDefault|localhost/.+)$");
    SeccompProfile [NUMBERS]: name_or_pattern();
    Pattern [NUMBERS]: name_or_pattern();
    Repository: json_schema!({"type": "string", "minLength": 1});
    Maximum [NUMBERS]: json_schema!({"type": ["string", "number"]});
}
