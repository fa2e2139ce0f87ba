//! What a client may say: bytes in, a request or the broken rule out. No sockets here.

// TODO (step 7): whole lines from what has come.
// TODO (step 7): a request from a line: AUTH, ECHO, TIME, HELP, QUIT.
// TODO (step 8): refuse long lines and control characters.
