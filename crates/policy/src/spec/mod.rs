//! The form of what people write: configuration files, PolicyExceptions and policy tests. These types are read with
//! serde, from YAML or JSON, and their JSON Schemas are derived. A value that exists is valid; what fields must not say
//! together is checked where they become the values of [`config`](crate::config) and [`policy`](crate).
//!
//! Pure: does not know YAML or files.

#[macro_use]
mod text;

mod allow;
mod configuration;
mod exception;
mod list;
mod policy_test;
mod rules;
mod schema;
mod workloads;

pub use allow::Allow;
pub use configuration::{
    Amounts, Configuration, DefaultResources, Defaults, ExceptionSources, Exemptions, Floor,
    Harden, NamespaceName, PodSecurityConfiguration, Profile, RuntimeDefault,
};
pub use exception::{
    Account, Controller, LabelName, LabelValue, Match, Owner, Owners, PodLabels, PolicyException,
    Reason,
};
pub use list::{List, Set};
pub use policy_test::{Case, Expectation, FileName, PolicyTest, Verdict};
pub use rules::Rules;
pub use schema::{schema_of, structural_schema_of};
pub use text::{API_VERSION, ApiVersion, Time};
pub use workloads::{Workload, Workloads};
