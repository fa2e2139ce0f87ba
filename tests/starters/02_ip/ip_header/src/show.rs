//! Printing a header, one field a line.

// TODO (step 1): print the fields of IPv4, and how much of the payload is here.
// TODO (step 4): print the flags by their names, and one line an option.
// TODO (step 5): print the fields of IPv6, and one line an extension header.
