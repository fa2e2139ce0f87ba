//! The frames that go over the wire: the sheet has the table.

// TODO (step 7): read exactly as many bytes as a length says, however they come.

// TODO (step 7): numbers are big-endian; names and reasons have a length before them.

// TODO (step 7): copy a file in blocks and compute its CRC-32 on the way.
