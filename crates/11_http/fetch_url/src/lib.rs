//! The parts of `fetch_url` that know URLs, HTTP and time, and no sockets.

pub mod patience;
pub mod response;
pub mod url;
