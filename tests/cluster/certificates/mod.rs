//! Self-managed certificates on a real API server: several replicas, one Secret, the caBundle of two webhook
//! configurations, and clients that trust exactly that caBundle.

mod attacks;
mod faults;
pub(crate) mod installation;
mod rotation;
mod start;
