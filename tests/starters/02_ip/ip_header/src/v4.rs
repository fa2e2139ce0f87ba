//! The IPv4 header.

// TODO (step 1): a type with a member for each field, and a function that decodes it.
// TODO (step 2): the checksum: is it good, and what should it be?
// TODO (step 3): the bytes of a header that is built from fields.
// TODO (step 4): flags, fragment offset and options.
