//! Where the user types and reads.

// TODO (step 8): ask for a command, hand over each line that is typed, and say when the
// input has ended.
