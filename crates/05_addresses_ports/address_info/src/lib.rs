//! What an address and a port tell about themselves. Tables and no I/O.

mod port;
mod scope;

pub use port::{PortRange, service};
pub use scope::{Scope, scope};
