//! The kernel's socket tables, line by line. main.rs has it as `connection_monitor::…`.

// TODO (step 5): a type for a socket: both addresses, its state, its inode.
// TODO (step 5): a function that makes it from a line of /proc/net/tcp and the like.
// TODO (step 5): the names of the states.
