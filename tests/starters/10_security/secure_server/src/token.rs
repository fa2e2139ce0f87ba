//! The secret that clients must know.

// TODO (step 7): take the token from API_KEY; an error when there is none.
// TODO (step 8): compare a guess with it, equally long for every guess.
