//! The parts that know URLs, HTTP and time, and no sockets. main.rs has them as `fetch_url::…`.

pub mod patience;
pub mod response;
pub mod url;
