//! How far an address reaches.

// TODO (step 1): a table of blocks, each with its scope, its purpose and its RFC.
// TODO (step 1): the entry of an address: which block has it, if several do?
