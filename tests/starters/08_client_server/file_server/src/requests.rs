//! What the server answers to each request.

// TODO (step 7): for each kind of request, the frames that come and go (the sheet has the
// table).

// TODO (step 7): a no has a reason, and the client may ask for the next thing.
