//! What the TLS labs of chapter 10 share and none of them teaches: certificates and keys
//! from files, a local CA that makes them, and TLS errors in plain words.
//!
//! The TLS configuration, the handshake and the reads and writes are the lesson and stand
//! in each lab. This crate is apart from labkit, so that `cargo run -p tcp_server` does
//! not compile rustls.

mod identity;
mod local_ca;
mod text;
mod trust;

pub use identity::Identity;
pub use local_ca::LocalCa;
pub use text::{explain, reason, session};
pub use trust::{ServerTrust, read_roots};

/// Where the labs keep their CA, certificates and keys, below the current folder.
pub const CERTS_DIR: &str = "certs";
/// The local CA's certificate, which the clients trust.
pub const CA_CERT: &str = "certs/ca-cert.pem";
