//! What each address has done lately. No sockets here.

// TODO (step 8): count the requests of each address, and say when they are too many.
// TODO (step 8): count its wrong tokens, and say how long it is locked out.
