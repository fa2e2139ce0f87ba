//! One client's conversation: lines in, replies out.

// TODO (step 8): read line by line, however the bytes come; answer each command with OK
// or ERROR, in the order of the lines.
