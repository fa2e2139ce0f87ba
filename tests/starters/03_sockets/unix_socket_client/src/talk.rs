//! The client itself: the calls of message_client with another address.

// TODO (step 7): connect to the path; report a failure in a line Error: …
// TODO (step 7): talk with the server as message_client does.
