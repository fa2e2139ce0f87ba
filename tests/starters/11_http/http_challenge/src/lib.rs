//! The parts that know HTTP and no sockets. main.rs has them as `http_challenge::…`.

pub mod body;
pub mod request;
pub mod response;
