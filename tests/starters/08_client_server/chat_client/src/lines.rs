//! The lines in what the server sends: bytes in, text for the screen out. No sockets.

// TODO (step 3): keep what has come of a line; a read may end anywhere in it.
// TODO (step 3): text from bytes, also where they are no UTF-8.
