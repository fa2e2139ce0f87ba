//! Where the user types and reads.

// TODO (step 2): show the prompt "You: ", and flush it: it has no line end.
// TODO (step 2): hand over each line that the user types, and say when the input has
// ended.
// TODO (step 3): show a line that arrives without spoiling the one that is being typed.
