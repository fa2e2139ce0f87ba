//! Where the body goes.

// TODO (step 3): standard output, or a file that appears only when everything has come.
