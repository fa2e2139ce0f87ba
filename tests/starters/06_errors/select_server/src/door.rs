//! The listening socket, and what happens there when the descriptors run out.

// TODO (step 5): accept all who wait; turn clients away while descriptors are short.
