//! Which certificates and which TLS: the decisions, before any socket is open.

// TODO (step 1): read a certificate and its key; make them in certs/ if there are none.
// TODO (step 1): a rustls::ServerConfig from them.
// TODO (step 6): with --require-client-cert, verify the client's certificate.
