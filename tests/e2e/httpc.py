"""A small HTTP client that tells when each piece of an answer came. A connection per Client."""
import dataclasses
import http.client
import socket
import ssl
import time
import urllib.parse


_tls = ssl.create_default_context()
_trusted = []


def trust(ca_file):
    """From now on certificates are checked by these authorities too. OSError, ssl.SSLError."""
    _tls.load_verify_locations(cafile=ca_file)
    _trusted.append(ca_file)


def tls_socket(base, protocols=(), timeout=10.0):
    """A connection to the host of an https URL, its certificate checked; ALPN by `protocols`."""
    host, port = address(base)
    context = _tls
    if protocols:  # A context of its own: what it offers holds for all of its connections.
        context = ssl.create_default_context()
        for file in _trusted:
            context.load_verify_locations(cafile=file)
        context.set_alpn_protocols(list(protocols))
    return context.wrap_socket(socket.create_connection((host, port), timeout),
                               server_hostname=host)


def address(base):
    """(host, port) of a URL."""
    parts = urllib.parse.urlsplit(base)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def with_query(url, query):
    """`url` with more in its query."""
    if not query:
        return url
    return url + ("&" if urllib.parse.urlsplit(url).query else "?") + query


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict  # Lower-case names.
    body: bytes
    asked_at: float
    header_at: float
    first_byte_at: float  # Of the body; the header's time where there is none.
    done_at: float
    reconnected: bool = False

    @property
    def waited(self):
        return self.header_at - self.asked_at

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


class Client:
    """One kept connection to the host of `base`. One thread at a time."""

    def __init__(self, base, timeout=20.0, retry=True):
        self.secure = base.startswith("https:")
        (self.host, self.port), self.timeout = address(base), timeout
        self.retry = retry  # Once, on a kept connection that ended between two requests.
        self.connection = None
        self.used = False

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _connect(self):
        if self.secure:
            self.connection = http.client.HTTPSConnection(self.host, self.port,
                                                          timeout=self.timeout, context=_tls)
        else:
            self.connection = http.client.HTTPConnection(self.host, self.port,
                                                         timeout=self.timeout)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.used = False

    def request(self, method, target, headers=None):
        """An Answer; raises OSError or http.client.HTTPException when there is none."""
        asked, reconnected = time.monotonic(), False
        for attempt in (1, 2):
            if self.connection is None:
                self._connect()
            was_used = self.used
            try:
                self.connection.request(method, target, headers={"Accept-Encoding": "identity",
                                                                 **(headers or {})})
                response = self.connection.getresponse()
                break
            except (ConnectionError, http.client.BadStatusLine):
                self.close()
                if attempt == 2 or not was_used or not self.retry:
                    raise
                reconnected = True
        header_at = time.monotonic()
        self.used = True
        first, pieces = header_at, []
        while True:
            piece = response.read1(1 << 18)
            if not piece:
                break
            if not pieces:
                first = time.monotonic()
            pieces.append(piece)
        response.read()  # Empty; tells http.client that the answer is over, raises when cut short.
        done = time.monotonic()
        if response.will_close:
            self.close()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()},
                      b"".join(pieces), asked, header_at, first, done, reconnected)

    def get(self, target, headers=None):
        return self.request("GET", target, headers)


class Clients:
    """A kept connection to each host that is asked. One thread at a time."""

    def __init__(self):
        self.by_base = {}

    def get(self, url, headers=None):
        base, target = split(url)
        if base not in self.by_base:
            self.by_base[base] = Client(base)
        return self.by_base[base].get(target, headers)

    def close(self):
        for client in self.by_base.values():
            client.close()


def split(url):
    """(scheme://host:port, path with query) of a URL."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + (
        f"?{parts.query}" if parts.query else "")


def fetch(url, headers=None, timeout=20.0, method="GET"):
    """One request on a connection of its own."""
    base, target = split(url)
    client = Client(base, timeout)
    try:
        return client.request(method, target, {"Connection": "close", **(headers or {})})
    finally:
        client.close()


def raw(host, port, data, timeout=5.0, limit=1 << 20, tls=False):
    """Sends bytes as they are; what came back until the peer closed, the limit or the timeout."""
    with (tls_socket(f"https://{host}:{port}", timeout=timeout) if tls else
          socket.create_connection((host, port), timeout=timeout)) as connection:
        connection.sendall(data)
        got = b""
        try:
            while len(got) < limit:
                piece = connection.recv(65536)
                if not piece:
                    break
                got += piece
        except (TimeoutError, ConnectionError):
            pass
        return got
