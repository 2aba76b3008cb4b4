"""A small LL-HLS origin whose output is a function of the clock, with faults to order.

It exists to test the checker: every fault breaks a rule, no fault breaks none.
"""
import datetime
import gzip
import hashlib
import http.server
import struct
import threading
import time
from fractions import Fraction

import mock_http2

TARGET = 1  # EXT-X-TARGETDURATION; segments last exactly that.
WINDOW = 8
FIRST = 100


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind, version, flags, *parts):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def init_segment(timescale, video, faults=(), size=(640, 360)):
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    if video:
        avcc = box(b"avcC", bytes([1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]))
        colr = box(b"colr", b"nclx", struct.pack(">HHHB", 1, 16 if "pq" in faults else 1, 1, 0))
        entry = box(b"avc3" if "avc3" in faults else b"avc1", bytes(6), b"\0\1", bytes(16),
                    struct.pack(">HH", *size), struct.pack(">III", 0x480000, 0x480000, 0), b"\0\1",
                    bytes(32), struct.pack(">Hh", 24, -1), avcc, colr)
        handler = b"vide"
    else:
        entry = box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">HHI", 2, 16, 0),
                    struct.pack(">I", 44100 << 16 if "other_rate" in faults else timescale << 16))
        handler = b"soun"
    stbl = box(b"stbl", full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
               *(full(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco")),
               full(b"stsz", 0, 0, bytes(8)))
    dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1),
                             full(b"url ", 0, 0 if "other_file" in faults else 1)))
    mdia = box(b"mdia", full(b"mdhd", 0, 0, struct.pack(">IIIII", 0, 0, timescale, 0, 0)),
               full(b"hdlr", 0, 0, bytes(4), handler, bytes(13)), box(b"minf", dinf, stbl))
    duration = 77 if "mvhd_duration" in faults else 0
    edits = box(b"edts", full(b"elst", 0, 0, struct.pack(">I", 2), bytes(24))) \
        if "two_edits" in faults else b""
    traks = [box(b"trak", full(b"tkhd", 0, 3, struct.pack(">IIIII", 0, 0, track, 0, 0), bytes(16),
                               matrix, bytes(8)), edits, mdia)
             for track in ((1, 2) if "two_tracks" in faults else (1,))]
    trex = [full(b"trex", 0, 0, struct.pack(">IIIII", track, 1, 0, 0, 0)) for track in (1, 2)]
    moov = box(b"moov", full(b"mvhd", 0, 0, struct.pack(">IIII", 0, 0, 1000, duration), bytes(80)),
               *traks, box(b"mvex", *(trex[:0] if "no_trex" in faults else trex[:len(traks)])))
    brand = b"mp42" if "old_brand" in faults else b"iso6"
    return box(b"ftyp", brand, bytes(4), brand) + (b"" if "no_moov" in faults else moov) + (
        box(b"mdat", bytes(4)) if "media_in_init" in faults else b"")


def chunk(sequence, tfdt, samples, faults=()):
    """`samples`: (duration, flags, data) each."""
    def moof(offset):
        runs = b"".join(struct.pack(">III", d, len(x), f) for d, f, x in samples)
        tfhd_flags = 0 if "no_base_moof" in faults else 0x20000
        traf = box(b"traf", full(b"tfhd", 0, tfhd_flags, struct.pack(">I", 1)),
                   b"" if "no_tfdt" in faults else full(b"tfdt", 1, 0, struct.pack(">Q", tfdt)),
                   full(b"trun", 1, 0x701, struct.pack(">Ii", len(samples), offset), runs))
        return box(b"moof", full(b"mfhd", 0, 0, struct.pack(">I", sequence)),
                   traf, traf if "two_trafs" in faults else b"")
    size = len(moof(0)) + 8 + (4 if "bad_offset" in faults else 0)
    before = full(b"prft", 1, 0, struct.pack(">IQQ", 9, 0, tfdt)) if "other_prft" in faults else b""
    return before + moof(size) + box(b"mdat", *(data for _, _, data in samples))


class Rendition:
    """Parts and segments as a function of time: each is public from its end on."""

    def __init__(self, name, origin):
        self.name, self.origin, self.faults = name, origin, origin.faults
        self.video = name != "audio"
        self.timescale = 25 if self.video else 48000
        self.size = (320, 180) if name == "180p" else (640, 360)
        self.frame = 1 if self.video else 1024
        self.part_frames = 5 if self.video else 9
        self.part_target = "0.2" if self.video else "0.21334"
        self.segments = []  # (number, [(counter, first frame, frames)])
        counter, start = 0, 0
        for index in range(400):
            boundary = Fraction(TARGET * (index + 1))
            end = -(-boundary * self.timescale // self.frame)
            parts = []
            while start < end:
                frames = int(min(self.part_frames, end - start))
                parts.append((counter, start, frames))
                counter, start = counter + 1, start + frames
            self.segments.append((FIRST + index, parts))

    def seconds(self, frames):
        return Fraction(frames * self.frame, self.timescale)

    def ready(self, part):
        return float(self.seconds(part[1] + part[2]))

    def part_bytes(self, part):
        counter, first, frames = part
        samples = []
        for index in range(first, first + frames):
            key = self.video is False or (index % 25 == 0 and "no_idr" not in self.faults)
            flags = 0x02000000 if key else 0x01010000
            if "bad_sync" in self.faults:
                flags = 0x02000000
            nal = bytes([0x65 if key else 0x41]) + hashlib.sha256(b"%d" % index).digest() * (
                3 if self.name == "180p" else 4)
            duration = self.frame * 2 if "slow_samples" in self.faults else self.frame
            samples.append((duration, flags, struct.pack(">I", len(nal)) + nal))
        tfdt = first * self.frame
        if "shifted" in self.faults and self.name != "360p":
            tfdt += self.timescale // 10
        if "tfdt_hole" in self.faults and counter % 7 == 3:
            tfdt += 3
        if "long_sample" in self.faults:
            samples[0] = (self.frame * 2, *samples[0][1:])
        return chunk(counter + 1, tfdt, samples, self.faults)

    def state(self, now):
        """(complete segments, open parts, next part) at media time `now`."""
        complete, open_parts, following = [], [], None
        for number, parts in self.segments:
            public = [p for p in parts if self.ready(p) <= now]
            if len(public) == len(parts):
                complete.append((number, parts))
                continue
            open_parts, following = (number, public), parts[len(public)]
            break
        return complete[-WINDOW:], open_parts, following

    def edge(self, now):
        complete, (number, public), _ = self.state(now)
        return (number, len(public) - 1) if public else (complete[-1][0], len(complete[-1][1]) - 1)

    def duration(self, parts):
        start = self.seconds(parts[0][1])
        return self.seconds(parts[-1][1] + parts[-1][2]) - start

    def _part_lines(self, parts):
        for counter, first, frames in parts:
            independent = not self.video or first % 25 == 0
            yield (f'#EXT-X-PART:DURATION={float(self.seconds(frames)):.5f},URI="p{counter}.m4s"' +
                   (",INDEPENDENT=YES" if independent else ""))

    def playlist(self, now):
        complete, (number, public), following = self.state(now)
        lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{TARGET}",
                 "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.64002",
                 f"#EXT-X-PART-INF:PART-TARGET={self.part_target}",
                 f"#EXT-X-MEDIA-SEQUENCE:{complete[0][0]}", "#EXT-X-DISCONTINUITY-SEQUENCE:7",
                 '#EXT-X-INDEPENDENT-SEGMENTS', '#EXT-X-MAP:URI="init.mp4"']
        for index, (msn, parts) in enumerate(complete):
            lines.append(self._date(parts[0]))
            if index >= len(complete) - 3:
                lines += self._part_lines(parts)
            lines += [f"#EXTINF:{float(self.duration(parts)):.5f},", f"s{msn}.m4s"]
        if public:
            lines.append(self._date(public[0]))
            lines += self._part_lines(public)
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p{following[0]}.m4s"')
        for other in self.origin.renditions.values():
            if other is not self:
                msn, part = other.edge(now)
                lines.append(f'#EXT-X-RENDITION-REPORT:URI="../{other.name}/index.m3u8",'
                             f"LAST-MSN={msn},LAST-PART={part}")
        return "\n".join(lines) + "\n"

    def _date(self, part):
        at = self.origin.wall_start + float(self.seconds(part[1]))
        text = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(
            timespec="milliseconds").replace("+00:00", "Z")
        return f"#EXT-X-PROGRAM-DATE-TIME:{text}"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # Clients that went away; what matters shows in the check.


class Origin:
    """Serves on a free port until stop(). `mutate` edits media playlists' text,
    `mutate_multivariant` the other one's. `tls`: an ssl.SSLContext to serve https by."""

    def __init__(self, faults=(), mutate=None, mutate_multivariant=None, tls=None):
        self.faults, self.mutate = set(faults), mutate or (lambda text: text)
        self.mutate_multivariant = mutate_multivariant or (lambda text: text)
        self.start = time.monotonic() - 12.0
        self.wall_start = time.time() - (112.0 if "old_dates" in self.faults else 12.0)
        self.holds = self.answers = 0
        self.renditions = {}
        for name in ("360p", "180p", "audio"):
            self.renditions[name] = Rendition(name, self)
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/live/mock/index.m3u8"

    def media_url(self, name="360p"):
        return self.url.replace("index.m3u8", f"{name}/index.m3u8")

    def now(self):
        return time.monotonic() - self.start

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def multivariant(self):
        text = ('#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n'
                '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",LANGUAGE="en",DEFAULT=YES,'
                'AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"\n')
        for name, size, rate in (("360p", "640x360", 160000), ("180p", "320x180", 150000)):
            text += (f'#EXT-X-STREAM-INF:BANDWIDTH={rate},AVERAGE-BANDWIDTH={rate - 10000},'
                     f'RESOLUTION={size},FRAME-RATE=25.000,CODECS="avc1.64001f,mp4a.40.2",'
                     f'VIDEO-RANGE=SDR,AUDIO="audio"\n{name}/index.m3u8\n')
        text += ('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=40000,CODECS="avc1.64001f",'
                 'RESOLUTION=640x360,URI="360p/iframes.m3u8"\n')
        return self.mutate_multivariant(text)


def _handler(origin):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def parse_request(self):
            if self.raw_requestline.startswith(b"PRI * HTTP/2.0"):
                mock_http2.serve(self.rfile, self.wfile, origin.faults)
                self.close_connection = True
                return False
            return super().parse_request() and self.has_host()

        def has_host(self):
            if "Host" not in self.headers and "no_host" not in origin.faults:
                self.answer(400, b"", "text/plain")
                return False
            return True

        def do_HEAD(self):
            self.do_GET()

        def do_OPTIONS(self):
            self.answer(204, b"", "text/plain")

        def do_PUT(self):
            self.answer(200 if "put_200" in origin.faults else 405, b"", "text/plain")

        do_POST = do_DELETE = do_PUT

        def do_GET(self):
            try:
                self.route()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def route(self):
            path, _, query = self.path.partition("?")
            words = path.strip("/").split("/")
            if path == "/live/mock/index.m3u8":
                return self.playlist(origin.multivariant())
            if len(words) != 4 or words[2] not in origin.renditions:
                return self.missing()
            return self.rendition(origin.renditions[words[2]], words[3], query)

        def missing(self):
            status = 200 if "unknown_200" in origin.faults else 404
            self.answer(status, b"", "text/plain",
                        cache="max-age=60" if "long_404" in origin.faults else "max-age=1")

        def rendition(self, rendition, name, query):
            if name == "index.m3u8":
                return self.media_playlist(rendition, query)
            if name == "iframes.m3u8":
                only = "" if "all_frames" in origin.faults else "#EXT-X-I-FRAMES-ONLY\n"
                return self.playlist(f"#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n{only}")
            if name == "init.mp4":
                return self.answer(200, init_segment(rendition.timescale, rendition.video,
                                                     origin.faults, rendition.size), "video/mp4")
            if "redirects" in origin.faults:
                self.send_response(302)
                self.send_header("Location", "elsewhere.m4s")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if f"{name[0]}_404" in origin.faults:
                return self.missing()
            now, floor = origin.now(), self.floor(rendition, name)
            for number, parts in rendition.segments:
                public = rendition.ready(parts[-1]) <= now and number >= floor
                if name == f"s{number}.m4s" and public:
                    body = b"".join(rendition.part_bytes(p) for p in parts)
                    if "other_segment" in origin.faults:
                        body = b"".join(rendition.part_bytes((p[0] + 1, *p[1:])) for p in parts)
                    if "other_samples" in origin.faults:
                        body = b"".join(rendition.part_bytes((p[0], p[1] + 1, p[2]))
                                        for p in parts)
                    if "changing" in origin.faults:
                        body += box(b"free", struct.pack(">Q", time.monotonic_ns()))
                    return self.answer(200, body, "video/mp4")
                for part in parts:
                    if name == f"p{part[0]}.m4s" and number >= floor:
                        return self.part(rendition, part, now)
            return self.missing()

        def floor(self, rendition, name):
            complete = rendition.state(origin.now())[0]
            if "drop_parts" in origin.faults and name.startswith("p"):
                return complete[-3][0]
            if "drop_segments" in origin.faults and name.startswith("s"):
                return complete[0][0]
            return 0

        def part(self, rendition, part, now):
            body = rendition.part_bytes(part)
            hinted = rendition.state(now)[2]
            if rendition.ready(part) > now:
                if part != hinted or "hint_404" in origin.faults:
                    return self.missing()
                if "trickle" in origin.faults:
                    return self.trickle(body, rendition.ready(part))
                late = 0.15 if "late_hint" in origin.faults else 0.0
                time.sleep(max(0.0, rendition.ready(part) - origin.now() + late))
                if "other_hint" in origin.faults:
                    body += box(b"free")
            self.answer(200, body, "video/mp4")

        def trickle(self, body, until):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(body[:50])
            time.sleep(max(0.0, until - origin.now()))
            self.wfile.write(body[50:])

        def media_playlist(self, rendition, query):
            values = dict(word.partition("=")[::2] for word in query.split("&") if word)
            msn, part = values.get("_HLS_msn"), values.get("_HLS_part")
            try:
                wanted = int(msn) if msn is not None else None
                index = int(part) if part is not None else None
            except ValueError:
                return self.answer(200 if "lax_numbers" in origin.faults else 400, b"",
                                   "text/plain")
            if "strict_arguments" in origin.faults and set(values) - {"_HLS_msn", "_HLS_part"}:
                return self.answer(400, b"", "text/plain")
            if (part is not None and msn is None and "part_alone" not in origin.faults) or (
                    wanted is not None and not 0 <= wanted < 1 << 64):
                return self.answer(400, b"", "text/plain")
            if wanted is not None and not self.hold(rendition, wanted, index):
                return None
            text = origin.mutate(rendition.playlist(origin.now()))
            if "per_request" in origin.faults:
                text += f"#{time.monotonic_ns()}\n"
            return self.playlist(text)

        def hold(self, rendition, msn, index):
            """Waits for what is asked; False when it was answered here."""
            origin.holds += 1
            if "forgets_nobody" in origin.faults and origin.holds > 8:
                self.answer(503, b"", "text/plain")
                return False
            complete, (current, public), _ = rendition.state(origin.now())
            faults, last = origin.faults, complete[-1][0]
            if msn <= last and "old_400" in faults and msn < last - 4:
                self.answer(400, b"", "text/plain")
                return False
            too_far = msn > last + 2 or (msn == current and (index or 0) > len(public) + 15)
            if too_far and "far_200" not in faults:
                self.answer(400, b"", "text/plain")
                return False
            if too_far or "early" in faults:
                return True
            segments = dict(rendition.segments)
            parts = segments.get(msn, [])
            if index is None:
                last = 0 if "open_is_enough" in faults else -1
                until = rendition.ready(parts[last]) if parts else 0
            elif index < len(parts):
                until = rendition.ready(parts[index])
            elif "past_the_end" in faults:
                self.answer(400, b"", "text/plain")
                return False
            else:
                until = rendition.ready(segments[msn + 1][0]) if msn + 1 in segments else 0
            if "timer_tick" in origin.faults:
                until += 0.15
            if "staggered" in origin.faults:
                until += origin.holds % 12 * 0.05
            if until > origin.now():
                time.sleep(until - origin.now() + 0.001)
            return True

        def playlist(self, text):
            kind = "text/plain" if "bad_type" in origin.faults else "application/vnd.apple.mpegurl"
            self.answer(200, text.encode(), kind, gzippable=True,
                        cache="max-age=30" if "stale" in origin.faults else "max-age=1")

        def answer(self, status, body, kind, gzippable=False, cache="max-age=60"):
            faults, headers = origin.faults, {"Content-Type": kind, "Cache-Control": cache}
            if "no_cache_control" in faults:
                del headers["Cache-Control"]
            if "old_modified" in faults:
                headers["Last-Modified"] = "Fri, 01 May 2026 12:00:00 GMT"
            if "media_first" in faults:
                headers["Priority"] = "u=5" if gzippable else "u=1"
            if "no_cors" not in faults:
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Allow-Headers"] = "range"
            coding = self.headers.get("Accept-Encoding", "")
            wants = "gzip" in coding and "q=0" not in coding
            gzippable = gzippable or "gzip_media" in faults and status == 200
            if gzippable and "no_gzip" not in faults and (wants or "always_gzip" in faults):
                body = gzip.compress(body)
                headers["Content-Encoding"] = "gzip"
            if gzippable and "no_vary" not in faults:
                headers["Vary"] = "Accept-Encoding"
            elif status == 200:
                headers["ETag"] = '"%s"' % hashlib.sha256(body).hexdigest()[:12]
                headers["Accept-Ranges"] = "bytes"
                if self.headers.get("If-None-Match") == headers["ETag"] and "no_304" not in faults:
                    status, body = 304, b""
                status, body = self.ranged(status, body, headers)
            if "no_date" in faults:
                self.send_response_only(status)
            else:
                self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "closes" in faults or "no_length" in faults:
                self.send_header("Connection", "close")
            if status not in (204, 304) and "no_length" not in faults:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" or "head_body" in faults:
                self.wfile.write(body)

        def ranged(self, status, body, headers):
            text = self.headers.get("Range", "")
            if status != 200 or not text.startswith("bytes=") or "no_range" in origin.faults:
                return status, body
            first, _, last = text[6:].partition("-")
            size = len(body)
            begin = size - int(last) if not first else int(first)
            end = size - 1 if not first or not last else min(int(last), size - 1)
            if begin >= size:
                headers["Content-Range"] = f"bytes */{size}"
                return 416, b""
            headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
            return 206, body[begin:end + 1]

    return Handler
