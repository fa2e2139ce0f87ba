//! Echo messages and the times of their ways. No I/O. main.rs has it as `ping::…`.

// TODO (step 9): the bytes of an echo request, with its checksum.
// TODO (step 9): what a message from the socket is: the reply, an error, or none of ours.
// TODO (step 9): loss, and shortest, mean and longest time, from the times of the
// replies.
