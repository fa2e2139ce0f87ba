//! The books of one sender that numbers its datagrams.

// TODO (step 5): number and total from Message 1/3; nothing from other bytes.

// TODO (step 5): how many came, how many are lost, which came late or once more?
