//! The headers, field by field: values in, bytes out. main.rs has it as `layers::…`.

pub mod pcap;

// TODO (step 1): the headers of TCP, IPv4 and Ethernet: name, value and bytes of each
// field.
// TODO (step 2): the header of UDP.
// TODO (step 4): the checksum, and the pseudo header that TCP and UDP put before it.
// TODO (step 5): the header of IPv6.
// TODO (step 6): the fragments of a packet that is longer than the link carries.
