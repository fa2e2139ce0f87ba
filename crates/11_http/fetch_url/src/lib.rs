//! The parts of `fetch_url` that know URLs and HTTP and no sockets.

pub mod response;
pub mod url;
