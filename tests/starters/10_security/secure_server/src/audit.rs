//! The security log.

// TODO (step 8): write each event to server_security.log, on one line, whatever bytes the
// client has sent; only you may read the file.
