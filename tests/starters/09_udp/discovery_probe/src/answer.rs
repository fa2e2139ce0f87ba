//! The answer to a question.

// TODO (step 6): name and address from HERE NAME HOST:PORT; nothing from other bytes.
