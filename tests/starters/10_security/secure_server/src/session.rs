//! One client's conversation: lines in, replies out.

// TODO (step 7): AUTH and the token come first; then answer each request.
// TODO (step 8): ask guard.rs about each request and each wrong token, and tell audit.rs.
