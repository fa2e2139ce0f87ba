//! One port: connect to it, and take what happens for its state.

// TODO (step 4): connect with a timeout: open, closed or filtered.
// TODO (step 4): mind the connection with yourself: compare its two ends.
