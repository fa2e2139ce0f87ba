//! The files on this side.

// TODO (step 7): open a file that is to be sent, and find out its size.

// TODO (step 8): a file that is being received has another name until it is whole.
