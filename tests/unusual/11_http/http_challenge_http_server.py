"""http_challenge on the standard library's http.server: a thread a client, keep-alive."""
import html
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, PORT = sys.argv[1], int(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.skip_body():
            self.close_connection = True
            return self.send_error(400)
        path, _, _ = self.path.partition("?")
        known = path in ("/", "/hello", "/about")
        page = "<H1 class='big'>404 Not Found</H1>\n<P>The page you requested does not exist.</P>"
        if known:
            agent = self.headers.get("User-Agent", "")
            agent = agent.encode("latin-1").decode("utf-8", "replace")
            # Every character that is not plain, as a number.
            shown = "".join(c if c.isalnum() else f"&#x{ord(c):X};" for c in agent)
            page = (
                "<HTML>\n <BODY bgcolor=white>\n<H1>\n Request Info\n</H1>\n"
                f"<p><strong>Method:</strong>{self.command}</p>\n"
                f"<p><strong>Path:</strong>\n {html.escape(path)} </p>\n"
                f"<p><strong>Browser:</strong>{shown}</p>\n<b>bye</b></BODY>\n</HTML>"
            )
        data = page.encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_POST = do_GET

    def skip_body(self):
        """Reads the body; returns whether its end was clear."""
        lengths = self.headers.get_all("Content-Length", [])
        codings = self.headers.get_all("Transfer-Encoding", [])
        if any(name != name.strip() for name in self.headers):
            return False
        if codings:
            if lengths or codings != ["chunked"]:
                return False
            size = 1
            while size:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
                self.rfile.read(size + 2)
            return True
        if len(lengths) > 1 or lengths and not lengths[0].isdecimal():
            return False
        self.rfile.read(int(lengths[0]) if lengths else 0)
        return True


class Server(ThreadingHTTPServer):
    request_queue_size = 128


try:
    Server((HOST, PORT), Handler).serve_forever()
except OSError as error:
    sys.exit(f"cannot listen: {error}")
