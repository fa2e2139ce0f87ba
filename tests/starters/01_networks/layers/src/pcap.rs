//! The capture file that Wireshark opens.

// TODO (step 3): the bytes of a capture file that holds these frames.
