//! Chapter 10: what the TLS programs and the guarded server must do.

mod guarded;
mod tls;

use crate::harness::Check;

/// The checks of chapter 10.
pub fn checks() -> Vec<Check> {
    [
        tls::server_checks(),
        tls::client_checks(),
        guarded::server_checks(),
        guarded::client_checks(),
    ]
    .concat()
}
