//! The parts of `http_challenge` that know HTTP and no sockets: bytes in, a request or
//! the broken rule out. They are tested, and can be fuzzed, without a network.

pub mod body;
pub mod request;
pub mod response;
