//! Text out of a stream: a read may cut a character in two.

// TODO (step 2): return the text up to the last whole character.
