//! A frame as bytes.

// TODO (step 7): its number, how many there are, and the time at which it was made, the
// most significant byte first.
