//! One request, and the wait for its reply.

// TODO (step 9): send an echo request (lib.rs), wait for its reply with a timeout, print it.
