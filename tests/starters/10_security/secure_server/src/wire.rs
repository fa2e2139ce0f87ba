//! One connection, plain or encrypted.

// TODO (step 7): read and write, with a time limit for both.
// TODO (step 8): the same over TLS, with --tls.
