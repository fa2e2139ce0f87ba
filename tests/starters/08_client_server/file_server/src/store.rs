//! The directory that is served.

// TODO (step 7): store an upload, open a file to send, list what is there.

// TODO (step 8): follow no link out of the directory.

// TODO (step 8): keep an upload under its name only when all of it is there and its
// checksum fits. Two uploads of one name must not meet.
