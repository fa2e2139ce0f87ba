//! What addresses and ports tell about themselves. main.rs has it as `address_info::…`.

pub mod port;
pub mod scope;

// TODO (step 1): say here what of both main.rs may use (pub use).
