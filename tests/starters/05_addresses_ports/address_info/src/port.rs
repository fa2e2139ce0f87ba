//! Port ranges and usual services.

// TODO (step 2): the range of a port, and its name.
// TODO (step 2): the usual service of a port, if it has one.
