//! ICMP echo messages. No I/O. main.rs has it as `ping::…`.

pub mod statistics;

// TODO (step 9): the bytes of an echo request, with its checksum.
// TODO (step 9): what a message from the socket is: the reply, an error, or none of ours.
