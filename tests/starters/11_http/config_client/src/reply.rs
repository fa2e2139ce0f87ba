//! What the server's replies say. No I/O.

// TODO (step 8): yes or no from the first line of a reply, and how many lines follow it.
