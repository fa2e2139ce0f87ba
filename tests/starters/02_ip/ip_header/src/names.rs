//! The names that go with the numbers.

// TODO (step 1): the names of the protocols, and those of DSCP and ECN.
// TODO (step 4): the names of the options.
