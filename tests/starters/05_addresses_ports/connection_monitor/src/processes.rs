//! Which process has which socket.

// TODO (step 5): the links in /proc/PID/fd, from inode to process; skip what is closed to
// you.
