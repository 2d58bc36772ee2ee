//! Rules beyond the Standard: further requirements on pods, each with its settings, off by default.
//!
//! Pure: no I/O, no clock, no log. [`RULES`] lists them, one file per rule. A [`Check`] is a rule with its settings,
//! and judges a pod as a control does. A [`Demand`] is a check and the consequence of its findings.

mod check;
mod ids;
mod image;
mod quantity;
mod ranges;
mod rule;
mod table;

mod added_capabilities;
mod app_armor_profile;
mod default_service_account;
mod host_paths;
mod host_ports;
mod image_digest;
mod image_pattern;
mod image_registries;
mod image_tag;
mod read_only_root_filesystem;
mod resources;
mod run_as_group;
mod run_as_user_range;
mod se_linux;
mod seccomp_localhost;
mod service_account_token;
mod user_namespaces;

pub use app_armor_profile::{AppArmor, InvalidProfile};
pub use check::{Check, Demand, Mode};
pub use host_paths::{Access, HostPath, InvalidHostPath, WritableMounts};
pub use image::{Images, InvalidReference, Reference};
pub use image_pattern::{ImageMap, ImagePattern, ImagePatterns, InvalidImagePattern};
pub use image_registries::{InvalidRepository, Registries, Repository};
pub use quantity::{InvalidQuantity, Quantity};
pub use ranges::{InvalidRange, Numbers, Ranges};
pub use resources::{Bound, Resources};
pub use rule::Rule;
pub use table::RULES;
pub use user_namespaces::refuses_user_namespace;
