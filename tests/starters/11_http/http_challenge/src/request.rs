//! The head of a request.

// TODO (step 4): method, path and version from the request line; fields by name.
// TODO (step 5): where the body ends.
// TODO (step 6): an error for everything that the grammar does not allow.
