//! The body of a request: counted bytes or chunks.

// TODO (step 5): how much of what has come belongs to the body, and is it whole?
// TODO (step 6): a limit for its size; an error for chunks that the grammar does not
// allow.
