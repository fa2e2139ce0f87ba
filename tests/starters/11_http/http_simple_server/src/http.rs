//! A request and its response, as bytes (RFC 9112). No I/O.

// TODO (step 2): where the head of a request ends, and which line is its first.
// TODO (step 2): the page with the visitor's number; status line, fields and blank line
// before it. HEAD gets no page.
