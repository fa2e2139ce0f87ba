//! http URLs.

// TODO (step 3): a type with host, port and request target, and a function that makes it
// from a text or says why it cannot.
