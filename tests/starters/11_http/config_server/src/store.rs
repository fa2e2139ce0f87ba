//! The settings on disk.

// TODO (step 8): read the settings that an earlier run has left on disk.
// TODO (step 8): put a change on disk before it is acknowledged.
