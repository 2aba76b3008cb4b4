"""What the benches of the whole server share: a server, its load, and what a process has used."""
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import queue
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402
from harness import Failure, expect, wait_for  # noqa: E402,F401

# 720p30, H.264 of 2.5 Mb/s without B-frames, a key frame every 2 s, AAC of 160 kb/s. Pictures that
# need that rate: a test card under noise, which fills it without filler units.
_CLIP = [
    "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=8:allf=t:all_seed=1,"
                         "format=yuv420p",
    "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000:seed=1[l];"
                         "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000:seed=2[r];"
                         "[l][r]join=channel_layout=stereo",
    "-t", "16.5", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency",
    "-threads", "1", "-g", "60", "-sc_threshold", "0", "-x264-params", "nal-hrd=vbr",
    "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-c:a", "aac", "-b:a", "160k",
    "-f", "flv"]


def clip(folder):
    """The clip that load_feed loops, made once."""
    recipe = hashlib.sha256("\0".join(_CLIP).encode()).hexdigest()[:8]
    made = folder / f"load_720p30_2500k.{recipe}.flv"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open(f"{made}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *_CLIP, f"{made}.part"],
                           check=True)
            os.replace(f"{made}.part", made)
    return made


@dataclasses.dataclass
class Usage:
    """Of a process since its start, or between two moments."""
    at: float
    cpu: float  # Seconds, user and system together, to the nanosecond.
    user: float  # These two in the kernel's ticks of 10 ms.
    system: float
    threads: int
    rss: int  # Bytes.
    pss: int

    def since(self, earlier):
        return dataclasses.replace(self, at=self.at - earlier.at, cpu=self.cpu - earlier.cpu,
                                   user=self.user - earlier.user,
                                   system=self.system - earlier.system)


def usage(pid):
    folder = pathlib.Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    user, system = int(fields[11]) / tick, int(fields[12]) / tick
    ran = sum(int((task / "schedstat").read_text().split()[0])
              for task in (folder / "task").iterdir())
    sizes = {}
    for line in (folder / "smaps_rollup").read_text().splitlines()[1:]:
        name, size = line.split(":")
        sizes[name] = int(size.split()[0]) * 1024
    return Usage(time.monotonic(), ran / 1e9, user, system, int(fields[17]), sizes["Rss"],
                 sizes["Pss"])


class Feed:
    """load_feed at work. Every method is a Failure once it has ended."""

    def __init__(self, case, server, channels, viewers_every=10, viewers=1,
                 renditions=("source", "audio"), trace=None):
        self.channels, self.case = channels, case
        command = [case.build / "bench/load_feed", "--clip", clip(case.build.parent / "media"),
                   "--rtmp", server.rtmp_port, "--http", server.http_port, "--channels", channels,
                   "--viewers-every", viewers_every, "--viewers", viewers,
                   "--renditions", ",".join(renditions)]
        if trace:
            command += ["--trace", trace]
        expect(command[0].exists(), f"no {command[0]}: scripts/build bench load_feed")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.server, self.marks = server, queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.marks.put(json.loads(line))

    def check(self):
        expect(self.server.alive(), f"the server ended: {self.server.log()[-600:]}")
        if self.process.poll() is not None:
            raise Failure(f"the load ended: {self.process.stderr.read().strip()}; "
                          f"server: {self.server.log()[-600:]}")

    def _say(self, what):
        self.check()
        self.process.stdin.write(what)
        self.process.stdin.flush()

    def wait_playable(self, renditions=2):
        def playable():
            self.check()
            live = [channel for channel in self.server.channels().values()
                    if channel["playable"] and len(channel["renditions"]) >= renditions]
            return len(live) == self.channels
        wait_for(playable, 30, f"{self.channels} channels to be playable", 0.25)

    def view(self):
        self._say("v")

    def mark(self):
        """What has happened since the mark before."""
        self._say("m")
        with contextlib.suppress(queue.Empty):
            return self.marks.get(timeout=10)
        self.check()
        raise Failure("load_feed does not answer")

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))

    def stop(self):
        self.check()
        self.process.stdin.close()
        expect(self.process.wait(10) == 0, "load_feed did not end well")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def case(name, build):
    """A folder, and an end for all that is started; the server must end cleanly."""
    with tempfile.TemporaryDirectory(prefix=f"millrace-{name}-") as folder:
        made = harness.Case(name, ROOT / build, None, pathlib.Path(folder), False)
        for binary in ("millrace", "millrace-transcoder"):
            expect((made.build / binary).exists(), f"no {made.build / binary}: scripts/build bench")
        try:
            yield made
        except BaseException:
            with contextlib.suppress(Failure):
                made.finish(failed=True)
            raise
        made.finish(failed=False)


@contextlib.contextmanager
def feed(made, server, channels, **more):
    running = Feed(made, server, channels, **more)
    try:
        yield running
        running.stop()
    finally:
        running.kill()


def expect_unbroken(server, channels):
    """A bench must not report a run in which something failed unseen."""
    for name, wanted in (("millrace_rtmp_connections", channels), ("millrace_errors_total", 0),
                         ("millrace_hls_gap_segments_total", 0)):
        found = server.metric(name)
        where = [" ".join(sorted(f"{key}={value}" for key, value in labels))
                 for (series, labels), count in server.metrics().items() if series == name and count]
        expect(found == wanted, f"{name} is {found:g}, not {wanted}: {'; '.join(where[:5])}")


def machine():
    """What figures belong to."""
    model = platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line for line in lines if line.startswith("model name")).split(": ")[1]
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True,
                             text=True)
    return {"machine": model, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2),
            "commit": commit.stdout.strip() + ("+" if changed.stdout.strip() else "")}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(main):
    """The exit code of a bench: 0 when it has measured, 1 when something broke."""
    try:
        main()
    except (Failure, harness.Skip, OSError, subprocess.SubprocessError) as problem:
        print(f"broken: {problem}", file=sys.stderr)
        return 1
    return 0
