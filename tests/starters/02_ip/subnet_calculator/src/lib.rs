//! The arithmetic of prefixes. No I/O. main.rs has it as `subnet_calculator::…`.

// TODO (step 6): a type with address and length, and a function that makes it from a text
// with a length or a mask behind the slash, or says why it cannot.
// TODO (step 6): its network, mask, wildcard, broadcast address, hosts and class.
// TODO (step 7): mind /0, /31 and /32.
// TODO (step 8): the same for IPv6.
