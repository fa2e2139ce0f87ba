//! Hexadecimal as people paste it.

// TODO (step 1): bytes from digits, with spaces or without; an error for what is none.
// TODO (step 3): digits from bytes.
