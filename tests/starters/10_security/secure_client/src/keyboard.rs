//! What the user types.

// TODO (step 7): a prompt, and a line for it; empty lines are skipped.
