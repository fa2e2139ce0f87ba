//! How long everything may take.

// TODO (step 3): the time that one step may wait.
