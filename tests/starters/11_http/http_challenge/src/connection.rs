//! One client's connection.

// TODO (step 4): read until a whole head is there, parse it (request.rs), answer it
// (response.rs).
// TODO (step 5): read the body (body.rs), then go on with the next request.
// TODO (step 6): a limit for every time; an error is answered and closes.
