//! The books of one stream.

// TODO (step 7): which frames are missing, and which came late or once more?

// TODO (step 7): compute the jitter of the arrivals (RFC 3550, section 6.4.1).
