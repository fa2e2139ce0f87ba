//! The server itself: the calls of message_server_threaded with another address.

// TODO (step 7): remove a stale socket file, but never that of a living server.
// TODO (step 7): bind and listen on the path; only your own user may connect.
// TODO (step 7): talk with the clients as message_server_threaded does.
// TODO (step 7): remove the file at the end, also on Ctrl-C and SIGTERM.
