"""fetch_url with the standard library's HTTP client, one write at the end."""
import http.client
import sys
from urllib.parse import urljoin, urlsplit

words = sys.argv[3:]
url = [word for word in words if word.startswith("http") or "://" in word][0]
try:
    for _ in range(30):
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("only http://HOST/PATH")
        conn = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=20)
        conn.request("GET", (parts.path or "/") + ("?" + parts.query if parts.query else ""))
        response = conn.getresponse()
        if "-L" not in words or response.status not in (301, 302, 303, 307, 308):
            break
        url = urljoin(url, response.headers["Location"])
    else:
        raise ValueError("round and round")
    body = response.read()
except Exception as error:
    print("fetch_url:", error or "failed")
    sys.exit(22)
if "-i" in words:
    head = f"HTTP/1.1 {response.status} {response.reason}\r\n{response.headers}"
    sys.stdout.buffer.write(head.encode())
if "-o" in words:
    open(words[words.index("-o") + 1], "wb").write(body)
else:
    sys.stdout.buffer.write(body)
