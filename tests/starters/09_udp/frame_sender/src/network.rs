//! A bad network, simulated.

// TODO (step 7): which frames get lost, and how long is each other one held up? The same
// seed must give the same losses.
