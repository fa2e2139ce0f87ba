//! IP headers: bytes in, fields out, and back. No I/O. main.rs has it as `ip_header::…`.

pub mod hex;
pub mod names;
pub mod v4;
pub mod v6;

// TODO (step 1): look at the version in the first byte, and let v4.rs decode the packet.
// TODO (step 1): an error for each way in which a packet can be no header.
// TODO (step 5): let v6.rs decode what is IPv6.
