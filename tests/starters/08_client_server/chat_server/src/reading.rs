//! Reading what one client says, and what it means when nothing comes.

// TODO (step 2): read until the client leaves.

// TODO (step 4): a pause ends a message that has no newline.
