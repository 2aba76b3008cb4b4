"""What every end-to-end test stands on: its own server on free ports, tools that end with it."""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import httpc
import media

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent

# A line of a sanitizer's report in a program's standard error.
_SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|"
                        r"runtime error: |SUMMARY: \w+Sanitizer")
# Used where the caller's environment says nothing (scripts/sanitizers says it for scripts/test).
_SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LSAN_OPTIONS": f"suppressions={ROOT}/scripts/suppressions/lsan:print_suppressions=0",
    "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT}/scripts/suppressions/tsan",
    "G_SLICE": "always-malloc", "GST_REGISTRY_FORK": "no",
}

_TESTS = {}


class Failure(Exception):
    """A test's expectation did not hold."""


class Broken(Failure):
    """A crash, an unclean end or a sanitizer's report: no other attempt may hide it."""


class Skip(Exception):
    """The test cannot run here, and why. The runner counts it as failed unless told otherwise."""


class Entry:
    """A registered test. `alone`: it judges times, so nothing runs beside it. `on`: the builds whose
    share it is, "sanitized", "release" or "both". What judges times is for release builds."""

    def __init__(self, function, timeout, long_only, alone, on):
        self.function, self.timeout = function, timeout
        self.long_only, self.alone = long_only, alone
        self.on = on or ("release" if alone else "sanitized")


def test(timeout=60, long_only=False, alone=False, on=None):
    """Registers a function of one argument, the Case, under its name."""
    def register(function):
        _TESTS[function.__name__] = Entry(function, timeout, long_only, alone, on)
        return function
    return register


def registered():
    return dict(_TESTS)


def is_sanitized(build):
    """Of a build folder. Sanitizers make everything some times slower than what a viewer gets."""
    binary = (build / "millrace").read_bytes()
    return b"__asan_init" in binary or b"__tsan_init" in binary


def expect(condition, message):
    if not condition:
        raise Failure(message)


def wait_for(condition, timeout, what, step=0.05):
    """The first true value of condition(); Failure after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"after {timeout:g} s still waiting for {what}")
        time.sleep(step)


# Below what Linux gives to sockets that ask for any port: a browser's or a publisher's own sockets
# never take one between free_port() and the server's bind().
_PORTS = range(10000, 32768)
_given_ports = []


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:  # A server's closed connections are in nobody's way.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port():
    """One that is free for TCP and UDP, and that no other test was given which runs beside this one:
    each is marked, for as long as this process lives, by an abstract socket of its number."""
    for _ in range(10000):
        port = random.choice(_PORTS)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0millrace-e2e-port-{port}")
        except OSError:
            mark.close()
            continue
        if _is_free(port):
            _given_ports.append(mark)
            return port
        mark.close()
    raise Failure("no free port was found")


class MachineLoad:
    """How much of the machine's time was left over since this was made, by /proc/stat: a figure to
    stand beside a verdict on times, which it does not change. Stolen time counts as taken."""

    def __init__(self):
        self.before = self._times()

    @staticmethod
    def _times():
        with open("/proc/stat", encoding="ascii") as stat:
            return [int(word) for word in stat.readline().split()[1:9]]

    def idle_share(self):
        passed = [after - before for after, before in zip(self._times(), self.before)]
        return (passed[3] + passed[4]) / max(1, sum(passed))


class Tool:
    """A child process whose output goes to a file. stop() ends it and all that it must end."""

    def __init__(self, name, command, log, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.name, self.command, self.log = name, command, log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=out,
                                            stderr=subprocess.STDOUT, cwd=cwd,
                                            env={**os.environ, **(env or {})})

    def text(self):
        return pathlib.Path(self.log).read_text("utf-8", "replace")

    def running(self):
        return self.process.poll() is None

    def wait(self, timeout):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout:g} s") from None

    def stop(self, how=signal.SIGTERM, timeout=5.0):
        if self.running():
            self.process.send_signal(how)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Server:
    """A millrace of one test. `settings` go into its configuration file over what tests need.
    `after`: one that has stopped, whose ports it takes."""

    PORTS = ("http_port", "https_port", "rtmp_port", "srt_port", "api_port")

    def __init__(self, case, settings=None, arguments=(), environment=None, after=None):
        self.case = case
        for port in self.PORTS:
            setattr(self, port, getattr(after, port) if after else free_port())
        self.stderr_path = case.folder / f"server{len(case.servers)}.log"
        config = {
            "http": {"listen": [f"127.0.0.1:{self.http_port}"],
                     "listen_tls": [f"127.0.0.1:{self.https_port}"]},  # With a certificate.
            "rtmp": {"listen": [f"127.0.0.1:{self.rtmp_port}"],
                     "listen_tls": [f"127.0.0.1:{free_port()}"]},  # Likewise.
            "srt": {"listen": [f"127.0.0.1:{self.srt_port}"]},
            "api": {"listen": [f"127.0.0.1:{self.api_port}"]},
            # What else runs on the machine is not the tests' business.
            "transcode": {"max_load": 0},
            "hls": {"state_file": str(case.folder / "state")},
            "ladder": {"none": [{"name": "source", "passthrough": True}],
                       "two": [{"name": "source", "passthrough": True},
                               {"name": "360p", "height": 360, "bitrate": "700k"}]},
            "channels": {"one": {"keys": ["secret-one"], "ladder": "none"},
                         "two": {"keys": ["secret-two"], "ladder": "none"},
                         "ladder": {"keys": ["secret-ladder"], "ladder": "two"}},
        }
        for section, values in (settings or {}).items():
            config[section] = {**config.get(section, {}), **values}
        path = case.folder / f"server{len(case.servers)}.yaml"
        path.write_text(json.dumps(config, indent=1))  # JSON is YAML.
        self.command = [str(case.build / "millrace"), "serve", "--config", str(path), *arguments]
        self.stderr = open(self.stderr_path, "wb")
        environment = {**_SANITIZER_OPTIONS, **os.environ, **(environment or {})}
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, env=environment,
                                        stdout=self.stderr, stderr=self.stderr)
        self.stopped = False

    @property
    def base(self):
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def rtmp(self):
        return f"rtmp://127.0.0.1:{self.rtmp_port}/live"

    def srt(self, stream_id, **options):
        """Where FFmpeg and srt-live-transmit publish to."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"srt://127.0.0.1:{self.srt_port}?streamid={stream_id}" + (query and f"&{query}")

    def url(self, channel="one"):
        return f"{self.base}/live/{channel}/index.m3u8"

    def log(self):
        return self.stderr_path.read_text("utf-8", "replace")

    def alive(self):
        return self.process.poll() is None

    def wait_ready(self, timeout=20.0):
        def ready():
            expect(self.alive(), f"the server ended: {self.log()[-600:]}")
            with contextlib.suppress(OSError):
                return httpc.fetch(f"http://127.0.0.1:{self.api_port}/readyz").status == 200
            return False
        wait_for(ready, timeout, "/readyz")
        return self

    def metrics(self):
        """{(name, frozenset of labels): value}"""
        text = httpc.fetch(f"http://127.0.0.1:{self.api_port}/metrics").text
        found = {}
        for line in text.splitlines():
            match = re.match(r"^(\w+)(?:\{(.*)\})? (\S+)", line)
            if match:
                labels = frozenset(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
                found[(match.group(1), labels)] = float(match.group(3))
        return found

    def metric(self, name, **labels):
        """The sum of a metric's series that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, having), value in self.metrics().items()
                   if found == name and wanted <= having)

    def channels(self):
        body = httpc.fetch(f"http://127.0.0.1:{self.api_port}/api/v1/channels").body
        return {channel["name"]: channel for channel in json.loads(body)["channels"]}

    def wait_playable(self, channel="one", timeout=20.0, renditions=1):
        """Until viewers can play it: the multivariant playlist and a part of each rendition."""
        def playable():
            expect(self.alive(), f"the server ended: {self.log()[-600:]}")
            found = self.channels().get(channel)
            return found and found["playable"] and len(found["renditions"]) >= renditions and found
        return wait_for(playable, timeout, f"channel {channel} to be playable")

    def stop(self):
        """SIGTERM; Failure when the end is not clean."""
        if self.stopped:
            return
        self.stopped = True
        died = self.process.poll()
        if died is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Broken("the server did not stop within 20 s of SIGTERM") from None
        self.stderr.close()
        if died is not None:
            raise Broken(f"the server died with {died}: {self.log()[-1500:]}")
        report = _SANITIZER.search(self.log())
        if report:
            raise Broken(f"sanitizer report in {self.stderr_path}: "
                         f"{self.log()[report.start():][:1500]}")
        if self.process.returncode != 0:
            raise Broken(f"exit code {self.process.returncode} on SIGTERM: {self.log()[-1500:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.stderr.close()


class Case:
    """One test's surroundings: folder for logs, binaries, media; everything it starts is ended."""

    def __init__(self, name, build, media, folder, long):
        self.name, self.build, self.media, self.folder = name, build, media, folder
        self.long = long
        self.servers, self.tools, self.notes = [], [], []
        shutil.rmtree(folder, ignore_errors=True)  # A state file of an earlier run, for one.
        folder.mkdir(parents=True)

    def note(self, text):
        """A figure that belongs beside the verdict."""
        self.notes.append(text)

    def server(self, settings=None, arguments=(), environment=None, after=None):
        # A sanitized worker takes many times as long to wake up as a viewer would wait.
        if self.is_sanitized and "encode" not in (settings or {}).get("transcode", {}):
            arguments = [*arguments, "--set", "transcode.encode=always"]
        server = Server(self, settings, arguments, environment, after)
        self.servers.append(server)
        return server.wait_ready()

    def run(self, name, command, **more):
        log = self.folder / f"{name}{len(self.tools)}.log"
        tool = Tool(name, [str(word) for word in command], log, **more)
        self.tools.append(tool)
        return tool

    @property
    def is_sanitized(self):
        return is_sanitized(self.build)

    def file(self, name):
        """The clip of that name, or its stand-in, and then the verdict's note says so."""
        try:
            path, is_stand_in = media.find(name, self.media, self.build.parent / "media")
        except media.NoClip as why:
            raise Skip(str(why)) from None
        if is_stand_in and "stand-in media" not in self.notes:
            self.note("stand-in media")
        return path

    def finish(self, failed):
        """Ends everything; the first unclean end of a server is a Failure."""
        for tool in reversed(self.tools):
            tool.stop()
        problem = None
        for server in self.servers:
            died = server.process.poll()
            try:
                server.kill() if failed else server.stop()
            except Failure as failure:
                problem = problem or failure
            if failed and not server.stopped and died not in (None, 0):
                problem = problem or Broken(f"the server died with {died}: {server.log()[-1500:]}")
            if failed and _SANITIZER.search(server.log()):
                problem = problem or Broken(f"sanitizer report in {server.stderr_path}")
        if problem:
            raise problem


def get_json(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
