//! The rules in `policy::rules`, checked with cases and generated pods. Without a server.

mod bounds;
mod cases;
mod properties;
mod table;
