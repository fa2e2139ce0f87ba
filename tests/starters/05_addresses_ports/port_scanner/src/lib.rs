//! What may be scanned: ports and addresses. main.rs has it as `port_scanner::…`.

// TODO (step 4): the ports of a text such as 22,80,8000-8100; an error for what is none.

// TODO (step 4): refuse addresses that are neither loopback nor private.
