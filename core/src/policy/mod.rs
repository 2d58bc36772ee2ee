//! The policy of pods: the Standard's levels, the rules, and the relaxations of both.
//!
//! Pure: no I/O, no clock, no log.

mod allowed;
mod context;
mod evaluate;
mod exception;
mod exception_index;
mod exception_summary;
mod idle;
mod judge;
mod known_names;
mod namespace;
mod profile;
mod relaxation;
mod relaxed;
mod requirement;
mod subject;

pub use allowed::{Allowed, Contradiction, MAX_VALUES, Refusal};
pub use context::{Context, ExceptionsAt, Exemption};
pub use exception::{
    Covering, Exception, Exceptions, Expiry, Honoured, Match, Namespaces, OwnerKind,
};
pub use exception_summary::{ExceptionSummary, NOTICE, Note};
pub use judge::{Form, MODES, PodCase, Verdict, judge};
pub use known_names::{CAPABILITIES, SYSCTL_ROOTS, VOLUME_TYPES};
pub use namespace::{EffectivePolicy, Source};
pub use profile::{Floor, PROFILE_LABEL, Profile, Settings, is_read};
pub use relaxation::{HostNamespace, Relaxation};
pub use relaxed::Grant;
pub(crate) use relaxed::Relaxed;
pub use requirement::{Requirement, Violation};
pub use subject::Subject;
