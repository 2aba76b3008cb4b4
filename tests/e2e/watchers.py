"""Foreign players at work: what each tells of its position, its pictures and its troubles."""
import collections
import contextlib
import json
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import time
import urllib.parse

import fmp4
import httpc
from playlist import parse_media

HERE = pathlib.Path(__file__).resolve().parent
# Over how long a stop is looked for: more than it may last, and less than it takes a player that runs
# slower on purpose to look like one that stands.
_STOP_WITHIN = 1.5
# The times of MPEG-TS begin anew after so many seconds.
_WRAP = 2**33 / 90000


class Watcher:
    """One player on one URL. stop() ends it; the rest is then complete. `harmless`: what it says that
    is no complaint about the stream."""

    harmless = None
    coarse = 0.0  # Seconds in which its position moves on.
    longest_picture = 0.5  # Seconds between two, at most.

    def __init__(self, name):
        self.name, self.started_at = name, time.time()
        self.first_at = None
        self.samples = []  # (time, position), from the first picture or sound on.
        self.behind = []
        self.longest_gap = 0.0  # Between two pictures, where it tells of pictures.
        self.complaints = []

    def take(self, at, position, behind=None):
        if position is None:
            return
        self.first_at = self.first_at or at
        self.samples.append((at, position))
        if behind is not None:
            self.behind.append(behind)

    def complain(self, text):
        if not (self.harmless and re.search(self.harmless, text)):
            self.complaints.append(text)

    @property
    def first_frame(self):
        """Seconds from its start to the first picture, or sound."""
        return self.first_at and self.first_at - self.started_at

    @property
    def latency(self):
        """The median of the seconds behind live, or None."""
        return sorted(self.behind)[len(self.behind) // 2] if self.behind else None

    def longest_stop(self):
        """How much its position fell behind the clock at most, within a short time."""
        begin = self.samples[0][0] + 1.0 if self.samples else 0.0
        lost = [(at, at - position) for at, position in self.samples if at >= begin]
        longest, first = 0.0, 0
        for index, (at, here) in enumerate(lost):
            while lost[first][0] < at - _STOP_WITHIN:
                first += 1
            longest = max(longest, here - min(before for _, before in lost[first:index + 1]))
        return longest

    def rate(self):
        """Seconds played in a second."""
        (begin, first), (end, last) = self.samples[0], self.samples[-1]
        return (last - first) / max(0.1, end - begin)

    def verdict(self, seconds):
        """What is wrong with how it played for that long: lines, none if all is well."""
        if not self.samples:
            return [f"{self.name} never played", *self.complaints]
        wrong = [f"{self.name}: {text} ({count} times)"
                 for text, count in collections.Counter(self.complaints).items()]
        stop, rate = self.longest_stop(), self.rate()
        if stop > 0.5 + self.coarse:
            wrong.append(f"{self.name} stood for {stop:.2f} s")
        if self.longest_gap > self.longest_picture:
            wrong.append(f"{self.name} showed no picture for {self.longest_gap:.2f} s")
        if abs(rate - 1) > 0.1:
            wrong.append(f"{self.name} played {rate:.2f} s a second")
        if self.samples[-1][0] - self.samples[0][0] < 0.6 * seconds:
            wrong.append(f"{self.name} played too late or too short")
        return wrong

    def figures(self):
        if not self.samples:
            return f"{self.name}: nothing"
        latency = f", {self.latency:.1f} s behind" if self.latency is not None else ""
        return f"{self.name}: first {self.first_frame:.1f} s{latency}, stop {self.longest_stop():.2f} s"


class _Process(Watcher):
    """Of a tool of the case, whose output is read when it is over."""

    def __init__(self, case, name, command, **more):
        super().__init__(name)
        self.tool = case.run(re.sub(r"\W+", "-", name), command, **more)

    def stop(self):
        if not self.tool.running():
            self.complain(f"ended by itself with {self.tool.process.returncode}")
        self.tool.stop()
        for line in self.tool.text().replace("\r", "\n").splitlines():
            self.read(line)

    def read(self, line):
        if line.strip():
            self.complain(line)


class _Program(_Process):
    """One of play_*.py."""

    def read(self, line):
        if not line.startswith("{"):
            return super().read(line)
        told = json.loads(line)
        if "said" in told:
            self.complain(told["said"])
        elif told["made_at"]:
            # Its own position, or that of the pictures it shows where it is vague about the former.
            position = told["made_at"] if self.coarse else told["position"]
            self.take(told["at"], position, told["at"] - told["made_at"])
            self.longest_gap = max(self.longest_gap, told["gap"])
        elif not self.has_pictures:
            self.take(told["at"], told["position"])

    def __init__(self, case, name, program, arguments, has_pictures):
        # The system's Python, which has GStreamer.
        super().__init__(case, name, ["/usr/bin/python3", "-u", HERE / program, *arguments],
                         env=self.environment)
        self.has_pictures = has_pictures

    environment = None


class GStreamer(_Program):
    def __init__(self, case, name, url, has_pictures, demuxer):
        super().__init__(case, name, "play_gst.py", [url, demuxer], has_pictures)


class Vlc(_Program):
    # Of what begins with sample tables that are empty, as every fMP4 does, of the priming of AAC, of
    # what it buffers at the beginning, and of devices that it may try to decode with and cannot show to
    # us; FFmpeg's own HLS gets the same. Whether it stands is seen without its word.
    # ISO/IEC 14496-12 has prft; VLC 3 does not know it.
    harmless = (r"mp4 warning: (no chunk defined|STTS table of 0 entries|unknown box type prft)|"
                r"faad warning: decoded zero sample|chain error: Too high level of recursion|"
                r"main error: (Failed to (create video converter|adapt decoder format to display)|"
                r"video output creation failed|failed to create video output|"
                r"ES_OUT_SET_\(GROUP_\)PCR  is called too late)|"
                r"main warning: (cannot reuse provided vout|cannot read .*plugins\.dat)")
    # Of pictures it is seen when each is shown; of sound it tells where it is once a second.
    coarse = 1.0

    def __init__(self, case, name, url, has_pictures):
        self.log = case.folder / f"{re.sub(r'[^A-Za-z]+', '-', name)}.debug.log"
        self.without_display = set()  # Decoders.
        super().__init__(case, name, "play_vlc.py", [url, self.log], has_pictures)

    def read(self, line):
        """Where the rung changes, the display is made anew, and a decoder may find none for a picture."""
        decoder = re.match(r"\[\w+ @ (0x\w+)\] (.*)", line)
        if decoder and decoder[2] == "get_buffer() failed":
            self.without_display.add(decoder[1])
        if not decoder or decoder[1] not in self.without_display:
            super().read(line)
        elif decoder[2] == "no frame!":  # The last that it says of it.
            self.without_display.remove(decoder[1])

    def stop(self):
        super().stop()
        for line in self.log.read_text("utf-8", "replace").splitlines():
            if re.match(r"\S+ (warning|error)", line):
                self.complain(line)


def offset_of_dates(media_url):
    """Seconds between the time in the media and the clock's, as the playlist has it."""
    playlist = parse_media(httpc.fetch(media_url).text)
    segment = next(s for s in reversed(playlist.segments) if s.pdt is not None)
    fetch = [httpc.fetch(urllib.parse.urljoin(media_url, uri)).body
             for uri in (segment.map_uri, segment.uri)]
    tracks = fmp4.parse_init(fetch[0]).tracks
    chunk = fmp4.parse_media(fetch[1], tracks)[0][0]
    return segment.pdt - chunk.tfdt / tracks[chunk.track_id].timescale


class Ffplay(_Process):
    """FFmpeg's own player, without a screen."""

    # Of every live playlist of fMP4, whoever made it; see decode.py. And of the screen it has not.
    harmless = r"Skip \(|Opening |Found duplicated MOOV Atom|hardware accelerated renderer"
    _STATUS = re.compile(r" *(-?[0-9.]+|nan) (A-V|M-A|M-V|   ):")

    def __init__(self, case, name, url, offset):
        self.offset = offset
        to_read, to_write = socket.socketpair()
        # What it says has no time of its own: a thread reads it as it comes.
        super().__init__(case, name, ["bash", "-c", 'exec "$@" 2>&0', "bash", "ffplay", "-hide_banner",
                                      "-loglevel", "repeat+warning", "-stats", url], stdin=to_write,
                         env={"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"})
        to_write.close()
        self.thread = threading.Thread(target=self._listen, args=(to_read,), daemon=True)
        self.thread.start()

    def _listen(self, said):
        with said, said.makefile("r", errors="replace", newline=None) as lines:
            for line in lines:
                status = self._STATUS.match(line)
                if status and status[1] != "nan":
                    now, position = time.time(), float(status[1])
                    self.take(now, position, (now - position - self.offset) % _WRAP)
                elif not status:
                    self.read(line)

    def stop(self):
        super().stop()
        self.thread.join(5)


class Mpv(_Process):
    # As FFmpeg, whose library reads for it; and that nobody asks it any more, when it is ended.
    harmless = r"Skip \(|Opening |Found duplicated MOOV Atom|ipc_\d+\] Write error"

    def __init__(self, case, name, url, offset):
        self.offset = offset
        self.folder = tempfile.mkdtemp(prefix="millrace-mpv-")  # A socket's path is short.
        self.path = f"{self.folder}/mpv"
        self.over = threading.Event()
        super().__init__(case, name, [
            "mpv", "--no-config", "--vo=null", "--ao=null", "--quiet", "--msg-level=all=warn",
            "--load-scripts=no", "--ytdl=no", "--rebase-start-time=no", f"--input-ipc-server={self.path}", url])
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self):
        """Its position, ten times a second; whether it waits for more."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        while not self.over.wait(0.02):
            with contextlib.suppress(OSError):
                connection.connect(self.path)
                break
        with contextlib.suppress(OSError, ValueError), connection, \
                connection.makefile("rw") as lines:
            for number, name in ((1, "paused-for-cache"), (2, "frame-drop-count"),
                                 (3, "decoder-frame-drop-count")):
                lines.write(json.dumps({"command": ["observe_property", number, name]}) + "\n")
            asked = 0
            while not self.over.wait(0.1):
                asked += 1
                lines.write(json.dumps({"command": ["get_property", "time-pos"],
                                        "request_id": asked}) + "\n")
                lines.flush()
                for line in lines:
                    if self._take(json.loads(line), asked):
                        break

    def _take(self, told, asked):
        now = time.time()
        if told.get("event") == "property-change" and self.samples and told.get("data"):
            self.complain(f"{told['name']} is {told['data']}")
        if told.get("event") == "playback-restart" and self.first_at is None:
            self.first_at = now
        if told.get("request_id") != asked or "event" in told:
            return False
        if self.first_at is not None and told.get("data") is not None:
            self.take(now, told["data"], (now - told["data"] - self.offset) % _WRAP)
        return True

    def stop(self):
        self.over.set()
        self.thread.join(10)
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class InPage(Watcher):
    """One of the players of pages/every.html, in a browser that plays several."""

    # hls.js without low latency asks for the last part of the next segment (2 s), for 0.8 target
    # durations (1.6 s), and then once more.
    harmless = r"^(level|audioTrack)LoadTimeOut"
    def __init__(self, browser, name, player, url, is_low_latency):
        super().__init__(name)
        self.browser, self.is_low_latency = browser, is_low_latency
        # Without a GPU a browser shows nothing for a while where the size changes; its clock goes on.
        # video.js throws away there what it has buffered.
        self.longest_picture = 2.0 if player == "video.js" else 1.2
        self.may_wait_at_switch, self.is_switching = player == "video.js", False
        browser.evaluate(f"void play({json.dumps([name, player, url, is_low_latency])})")

    def fetch(self):
        """What has been seen since this was last called."""
        seen = self.browser.evaluate(f"fetch_seen({json.dumps(self.name)})")
        for at, position, behind, gap in seen["samples"]:
            self.take(at / 1000, position, behind)
            self.longest_gap = max(self.longest_gap, gap / 1000)
        for text in seen["errors"]:
            # Of FFmpeg's own HLS too: in two of ten switches, as of ours.
            if not (text == "waiting" and self.is_switching and self.may_wait_at_switch):
                self.complain(text)

    def heights(self):
        return self.browser.evaluate(f"players[{json.dumps(self.name)}].heights()")

    def choose(self, height):
        self.is_switching = True
        self.browser.evaluate(f"void players[{json.dumps(self.name)}].choose({height})")

    def height(self):
        return self.browser.evaluate(f"players[{json.dumps(self.name)}].video.videoHeight")

    def settle(self):
        """The rung that was chosen is shown."""
        self.fetch()
        self.is_switching = False

    stop = fetch
