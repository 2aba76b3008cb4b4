"""A server in a network namespace of the test's own, and a publisher in another one behind a bad
link (tests/support/bad_link.py)."""
import ctypes
import os
import subprocess

from harness import ROOT, Skip, expect, wait_for

_CLONE_NEWNET = 0x40000000
SERVER = "10.99.0.2"


def is_possible(case):
    if os.geteuid() == 0 and os.path.exists("/dev/net/tun"):
        return True
    case.note("NOT RUN: needs root and /dev/net/tun")
    return False


class BadNetwork:
    """Made before the test's server: from then on this process, and what it starts, is in a
    namespace of its own. `run()` starts the other side's programs. A context manager."""

    def __init__(self, case, **options):
        self.case, self.options = case, options
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise Skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def __enter__(self):
        self._peer = self.case.run("namespace", ["unshare", "--net", "sleep", "900"])
        own = os.readlink("/proc/self/ns/net")

        def has_moved():
            try:
                return os.readlink(f"/proc/{self._peer.process.pid}/ns/net") != own
            except OSError:
                return False

        wait_for(has_moved, 5, "the other namespace")
        flags = [f"--{name}={value}" for name, value in self.options.items()]
        self._link = subprocess.Popen(
            [ROOT / "tests/support/bad_link.py", f"--peer={self._peer.process.pid}", *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(self._link.stdout.readline() == "ready\n", "the link does not come up")
        return self

    def __exit__(self, *_):
        if self._link.poll() is None:
            self.case.note(self.end())
        self._peer.stop()

    def say(self, line):
        self._link.stdin.write(line + "\n")
        self._link.stdin.flush()

    def end(self):
        """Ends the link; what it counted."""
        return self._link.communicate(timeout=10)[0].strip()

    def run(self, name, command):
        return self.case.run(name, ["nsenter", "-t", str(self._peer.process.pid), "-n", *command])
