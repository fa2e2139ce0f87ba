//! The connected clients: who comes, who is served, who goes.

// TODO (step 5): find a client by what its event tells.
// TODO (step 5): drop who has closed, who has failed, who is silent for too long.
