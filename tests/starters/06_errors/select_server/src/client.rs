//! One client: its socket, and what is left to send.

// TODO (step 5): what belongs to one client, and what to do on its turn.
