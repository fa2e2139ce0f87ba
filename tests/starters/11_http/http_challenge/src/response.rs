//! Pages and status lines.

// TODO (step 4): the page about a request, with everything escaped, and the 404 page.
// TODO (step 4): status line, Content-Type, Content-Length, blank line, page.
