//! Where a message ends, in a stream of bytes that does not say so.

// TODO (step 4): keep the bytes that have come and are not yet a whole message.

// TODO (step 4): a message is a line with its line end; a long one is handled in pieces.

// TODO (step 4): where no line end comes, a pause of 50 ms ends a message, and so does
// the end of the stream.
