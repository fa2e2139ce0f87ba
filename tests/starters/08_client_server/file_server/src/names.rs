//! Which names a file may have.

// TODO (step 8): refuse a name that would leave the directory, and say why.
