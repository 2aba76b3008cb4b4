"""Certificates of a test's own, made by the openssl command."""
import os
import socket
import ssl
import subprocess

from harness import expect


class Certificates:
    """An authority of the test's own, and the server's files."""

    def __init__(self, case):
        self.folder = case.folder / "tls"
        self.trusted = self.folder / "trusted"
        self.trusted.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-nodes", "-days", "30", "-subj", "/CN=Test authority", "-keyout", "ca.key",
                      "-out", "trusted/ca.pem")
        self.issue("one")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True,
                              text=True, check=False)
        expect(done.returncode == 0, done.stderr)

    def issue(self, name, days=20):
        """A new certificate in the place of the server's, as certbot would put it there."""
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-subj", f"/CN={name}", "-keyout", "new.key", "-out", "new.csr")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        self._openssl("x509", "-req", "-in", "new.csr", "-CA", "trusted/ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-days", str(days), "-extfile", "names", "-out", "new.pem")
        for suffix in ("key", "pem"):
            os.replace(self.folder / f"new.{suffix}", self.folder / f"server.{suffix}")

    def keys(self):
        """What the server's configuration has under `tls`."""
        return {"certificate": str(self.folder / "server.pem"),
                "key": str(self.folder / "server.key")}

    def seen_by_a_client(self, port):
        """The common name of the certificate that the port has now, verified."""
        context = ssl.create_default_context(cafile=str(self.trusted / "ca.pem"))
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
                return dict(pair[0] for pair in wrapped.getpeercert()["subject"])["commonName"]
