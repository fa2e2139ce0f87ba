//! The connection, plain or encrypted.

// TODO (step 7): send a line; read lines in a thread of its own.
// TODO (step 8): the same over TLS, with --tls.
