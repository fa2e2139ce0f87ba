//! Lines out of a stream: a read may return half a line, or two.

// TODO (step 7): take the first whole line out of what has come; leave the rest.
