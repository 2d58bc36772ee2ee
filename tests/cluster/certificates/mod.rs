//! Certificates that the server makes for itself, on a real API server: several replicas, one Secret, the trust in
//! two webhook configurations, and clients that believe exactly what those say.

mod attacks;
mod faults;
pub(crate) mod installation;
mod rotation;
mod start;
