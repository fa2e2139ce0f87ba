//! The head of a response, and where its body ends.

// TODO (step 3): status code and fields from the bytes of a head.
// TODO (step 3): the content from the bytes of a body, chunked or counted.
