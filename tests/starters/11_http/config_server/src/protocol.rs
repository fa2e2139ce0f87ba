//! The line protocol: the sheet has the table. No sockets here.

// TODO (step 8): a command from a line: GET, SET, DELETE, LIST, SAVE, QUIT.
// TODO (step 8): an ERROR with code and text for everything else.
