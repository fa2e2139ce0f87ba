//! The IPv6 header and the extension headers behind it.

// TODO (step 5): a type with a member for each field, and a function that decodes it.
// TODO (step 5): the chain of extension headers: each names the next one.
// TODO (step 5): the bytes of a header that is built from fields.
