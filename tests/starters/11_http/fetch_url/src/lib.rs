//! The parts that know URLs and HTTP and no sockets. main.rs has them as `fetch_url::…`.

pub mod response;
pub mod url;
