//! What server and client agree on, without sockets. main.rs has it as `file_server::…`.

pub mod frames;
pub mod names;

// TODO (step 7): say here what of both main.rs may use (pub use).
