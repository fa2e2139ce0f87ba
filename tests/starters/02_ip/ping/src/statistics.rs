//! What round trips tell: how many packets are lost, and how long the way is.

// TODO (step 9): loss, and shortest, mean and longest time, from the times of the
// replies.
