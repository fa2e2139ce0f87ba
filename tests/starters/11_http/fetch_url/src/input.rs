//! Reading from the server.

// TODO (step 3): read once, keep what has come, and tell the end from silence.
