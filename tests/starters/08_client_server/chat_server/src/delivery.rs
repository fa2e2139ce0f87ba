//! Bringing to each socket what its owner has still to be sent.

// TODO (step 3): write to a client what the room has for it, in the order of the
// messages.

// TODO (step 6): a client that does not read must not make the others wait: who brings it
// the rest, and how much of it is kept?
