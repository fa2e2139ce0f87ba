//! Where the log goes. No check asks for one.

// TODO (step 2): if you like, append what happens, with the time, to a file.
