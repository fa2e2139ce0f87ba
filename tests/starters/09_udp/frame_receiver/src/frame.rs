//! A frame from its bytes.

// TODO (step 7): its number, how many there are, and the time at which it was made;
// nothing from bytes that are no frame.
