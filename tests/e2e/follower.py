"""Follows one media playlist as a low-latency player would, and judges what it gets. One without
blocking reloads is asked for every half target duration, as by a plain player.

Three threads: the playlist by blocking reloads, the hinted parts, the media in order.
"""
import collections
import http.client
import queue
import threading
import time
import urllib.parse

import httpc
import rules_http
import rules_media
import rules_other_media
import rules_playlist
from playlist import parse_media

_NETWORK = (OSError, http.client.HTTPException)


class Heartbeat:
    """Measures how long this process itself is kept from running (llhls.md 12)."""

    def __init__(self, interval=0.01):
        self.interval, self.stalls, self._stop = interval, [], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        before = time.monotonic()
        while not self._stop.wait(self.interval):
            now = time.monotonic()
            if now - before > self.interval + 0.02:
                self.stalls.append((before, now))
            before = now

    def stop(self):
        self._stop.set()
        self._thread.join()

    def stalled(self, begin, end):
        """Seconds of [begin, end] in which this process did not run."""
        return sum(max(0.0, min(end, b) - max(begin, a)) for a, b in self.stalls)


class Follower:
    """`url` of a media playlist. start(), then join() after the deadline, then read the fields.
    `where` names it in findings."""

    def __init__(self, url, report, deadline, follow_hints=True, where=None):
        self.url, self.report, self.deadline = url, report, deadline
        folder = "/".join(urllib.parse.urlsplit(url).path.split("/")[-2:-1])
        self.where = where or folder or url
        self.follow_hints = follow_hints
        self.other_media = rules_other_media.Other(self.where, report)
        self.media = rules_media.RenditionMedia(self.where, report)
        self.latest = None
        self.first = None
        self.lock = threading.Lock()
        self.edges = []  # (time, msn, index) of each playlist with a new part.
        self.lags = []  # Wall clock minus program date of the edge, at each new part.
        self.reports = []  # (time, rendition reports) of each playlist.
        self.listed = {}  # Part URI -> time of the playlist that first listed it.
        self.segment_listed = {}  # Segment -> time; by number.
        self.removed = []  # (time, uri, keep until) of what left the playlist.
        self.hinted = {}  # URI -> Answer.
        self.containers = set()
        self.segment_bytes = collections.OrderedDict()  # msn -> (segment, size, chunks)
        self.hint_queue, self.media_queue = queue.Queue(), queue.Queue()
        self.threads = [threading.Thread(target=self._guarded, args=(f,), daemon=True)
                        for f in (self._playlists, self._hints, self._media)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self, patience=30.0):
        """Waits `patience` seconds beyond the deadline at most."""
        for thread in self.threads:
            thread.join(max(0.0, self.deadline - time.monotonic()) + patience)
            self.report.expect(not thread.is_alive(), "BR-09", self.where,
                               "an answer did not come within 20 s")

    def _guarded(self, function):
        try:
            function()
        except Exception as error:  # What this cannot read must not pass for good.
            self.report.fail("SEG-01", self.where, f"{function.__name__}: "
                             f"{type(error).__name__}: {error}")
            raise

    # --- Playlists ---

    def _playlists(self):
        client = httpc.Clients()
        try:
            self._follow(client)
        except _NETWORK as error:
            self.report.fail("SEG-01", self.where, f"playlist: {type(error).__name__}: {error}")
        finally:
            client.close()
            self.hint_queue.put(None)
            self.media_queue.put(None)

    def _follow(self, client):
        answer = client.get(self.url)
        if answer.waited >= 1.0:  # A rung that slept; by now it is awake.
            answer = client.get(self.url)
        self.report.expect(answer.waited < 1.0, "PL-21", self.where, "plain playlist not at once")
        rules_http.check_is_playlist(self.url, answer, self.report, self.where)
        wanted = None
        while True:
            if not self.report.expect(answer.status == 200, "MV-19", self.where,
                                      f"playlist answered {answer.status}"):
                return
            self._take(answer, wanted)
            if time.monotonic() >= self.deadline or self.latest.endlist:
                return
            wanted, answer = self._reload(client)
            self.report.prefer(not answer.reconnected, "HTTP-16", self.where,
                               "connection closed after a held request")

    def _reload(self, client):
        """((MSN, part) that was asked for, the answer); without blocking reloads (None, …)."""
        playlist = self.latest
        if (playlist.server_control or {}).get("CAN-BLOCK-RELOAD") != "YES":
            time.sleep((playlist.target_duration or 2) / 2)
            return None, client.get(self.url)
        if playlist.part_target is None:
            number = playlist.last_complete + 1
            return (number, None), client.get(httpc.with_query(self.url, f"_HLS_msn={number}"))
        edge = playlist.edge()
        wanted = (edge[0], edge[1] + 1) if playlist.open else (playlist.last_complete + 1, 0)
        return wanted, client.get(httpc.with_query(
            self.url, f"_HLS_msn={wanted[0]}&_HLS_part={wanted[1]}"))

    def _take(self, answer, wanted):
        new, old = parse_media(answer.text), self.latest
        rules_playlist.check_media(new, self.report, self.where)
        now = answer.header_at
        if old is not None:
            rules_playlist.check_update(old, new, self.report, self.where)
            self._check_answer(new, wanted)
        with self.lock:
            self.latest = new
            self.first = self.first or new
            self.reports.append((now, new.reports))
            if new.edge() is not None and (old is None or new.edge() != old.edge()):
                self.edges.append((now, *new.edge()))
                if old is not None and new.edge_date() is not None:
                    self.lags.append(time.time() - (time.monotonic() - now) - new.edge_date())
        self._queue_media(old, new, now)
        for hint in new.hints:
            if hint.get("TYPE") == "PART" and hint.get("URI") not in self.hinted and \
                    "BYTERANGE-START" not in hint:
                self.hint_queue.put((hint["URI"], now))

    def _check_answer(self, new, wanted):
        if wanted is None or new.endlist:
            return
        edge = new.edge() or (new.last_complete, 0)
        if wanted[1] is None:
            reached = new.last_complete >= wanted[0]
        else:
            reached = edge >= wanted or new.last_complete >= wanted[0] + 1
        self.report.expect(reached, "BR-02", self.where,
                           f"asked for part {wanted}, answered with the edge at {edge}")

    def _queue_media(self, old, new, now):
        edge = old.edge() if old else None
        self._note_unreadable(new)
        for segment in new.segments + ([new.open] if new.open else []):
            for part in segment.parts:
                fresh = edge is None or (part.msn, part.index) > edge
                if fresh and part.uri not in self.listed and not part.byte_range:
                    self.listed[part.uri] = now
                    self.media_queue.put(("part", part, segment, now))
            if segment.uri and segment.msn not in self.segment_listed:
                self.segment_listed[segment.msn] = now if old else self._ended(segment, new, now)
                if segment.gap:
                    self.media_queue.put(("gap", segment.msn))
                elif old is not None and not segment.byte_range:
                    self.media_queue.put(("segment", segment, new))
        if old is not None:
            self._note_removed(old, new, now)

    def _note_unreadable(self, playlist):
        if playlist.encrypted:
            self.report.skip(("CMAF", "SEG", "PT", "TS", "AUD", "VTT", "PL-17", "PL-22", "MV-07",
                              "MV-09", "MV-18", "XR-0"), "media is encrypted")
        if any(each.byte_range for each in [*playlist.segments, *playlist.parts()]):
            self.report.skip(("CMAF", "SEG", "PT", "HINT", "TS", "AUD", "VTT", "PL-17", "PL-22",
                              "MV-03", "MV-07", "MV-09", "MV-18", "MV-24", "XR-0"),
                             "media is in byte ranges, which are not fetched")

    @staticmethod
    def _ended(segment, playlist, now):
        """When a segment that was there before us was listed first: as long ago as what follows it
        lasts."""
        after = sum(float(s.duration) for s in playlist.segments if s.msn > segment.msn)
        after += sum(float(p.duration) for p in playlist.open.parts) if playlist.open else 0.0
        return now - after

    def _note_removed(self, old, new, now):
        td = new.target_duration or 1
        length = float(sum(s.duration for s in old.segments))
        for segment in old.segments:
            if segment.msn < new.msn and not segment.gap and not segment.byte_range:
                listed = self.segment_listed.get(segment.msn, now)
                until = listed + float(segment.duration) + length
                self.removed.append((now, segment.uri, until))
                self.media_queue.put(("removed", segment.uri, until))
        still = {part.uri for part in new.parts()}
        self.removed += [(now, part.uri, now + 3 * td) for part in old.parts()
                         if part.uri not in still and not part.byte_range]

    # --- Hints ---

    def _hints(self):
        client = httpc.Clients()
        while True:
            item = self.hint_queue.get()
            if item is None:
                break
            uri, _ = item
            if not self.follow_hints or uri in self.hinted:
                continue
            try:
                self.hinted[uri] = client.get(urllib.parse.urljoin(self.url, uri))
            except _NETWORK as error:
                if time.monotonic() < self.deadline:
                    self.report.fail("HINT-04", self.where,
                                     f"{uri}: {type(error).__name__}: {error}")
                client.close()
        client.close()

    def check_hints(self, stalls, lenient=False):
        """After join(): the answers to hinted requests against what was listed. `lenient`: times
        only warn."""
        self._check_promptness(stalls, lenient)
        part_target = float(self.latest.part_target or 1) if self.latest else 1.0
        for uri, answer in self.hinted.items():
            listed_at = self.listed.get(uri)
            if listed_at is None:
                continue  # The last hint, or one that a discontinuity made moot.
            self.report.expect(answer.status in (200, 206), "HINT-04", self.where,
                               f"hinted {uri} answered {answer.status}")
            spread = answer.done_at - answer.first_byte_at
            spread -= stalls.stalled(answer.first_byte_at, answer.done_at)
            self.report.expect(spread < part_target / 2, "HINT-05", self.where,
                               f"{uri} came over {spread * 1e3:.0f} ms")
            late = answer.done_at - listed_at - stalls.stalled(listed_at, answer.done_at)
            self.report.prefer(late <= part_target / 2, "HINT-07", self.where,
                               f"{uri} came {late * 1e3:.0f} ms after its playlist")
            known = self.media.parts.get(uri)
            if known:
                self.report.expect(known[0] == answer.body, "HINT-06", self.where,
                                   f"{uri}: the hinted bytes are not those listed")

    def _check_promptness(self, stalls, lenient):
        """BR-03: a part's playlist is not later than the part itself, which was hinted."""
        part_target = float(self.latest.part_target or 1) if self.latest else 1.0
        waits = []
        for uri, answer in self.hinted.items():
            listed_at = self.listed.get(uri)
            if listed_at is not None and answer.status == 200 and answer.waited > 0.005:
                waits.append(listed_at - answer.first_byte_at -
                             stalls.stalled(answer.first_byte_at, listed_at))
        if len(waits) < 3:
            return
        late = sum(wait > part_target / 2 for wait in waits)
        (self.report.prefer if lenient else self.report.expect)(
            late <= 0.1 * len(waits), "BR-03", self.where, f"{late} of {len(waits)} reloads came "
            f"{part_target / 2:.2f} s after their parts or later, at most {max(waits):.2f} s")

    # --- Media ---

    def _media(self):
        client = httpc.Clients()
        while True:
            item = self.media_queue.get()
            if item is None:
                break
            try:
                if item[0] == "part":
                    self._take_part(client, *item[1:])
                elif item[0] == "gap":
                    self.media.skip_segment(item[1])
                elif item[0] == "removed":
                    self._take_removed(client, *item[1:])
                else:
                    self._take_segment(client, *item[1:])
            except _NETWORK as error:
                self.report.fail("SEG-01", self.where, f"{type(error).__name__}: {error}")
                client.close()
        client.close()

    def _get(self, client, uri, rule):
        answer = client.get(urllib.parse.urljoin(self.url, uri))
        rules_http.check_not_redirected(answer, uri, self.report, self.where)
        self.report.expect(answer.status == 200, rule, self.where,
                           f"{uri} answered {answer.status}")
        self.report.expect(answer.waited < 1.0, rule, self.where,
                           f"{uri} took {answer.waited:.2f} s")
        self.report.expect("access-control-allow-origin" in answer.headers, "HTTP-06", self.where,
                           f"{uri} without Access-Control-Allow-Origin")
        return answer.body if answer.status == 200 else None

    def _take_removed(self, client, uri, until):
        """A segment that has just left the playlist, and must still be there for its own length."""
        answer = client.get(urllib.parse.urljoin(self.url, uri))
        if time.monotonic() < until - 0.1:
            self.report.expect(answer.status == 200, "SEG-02", self.where,
                               f"{uri} answered {answer.status} as it left the playlist")

    def _init(self, client, segment):
        if segment.map_uri and segment.map_uri not in self.media.inits:
            data = self._get(client, segment.map_uri, "SEG-01")
            if data is not None:
                self.media.add_init(segment.map_uri, data)

    def _take_part(self, client, part, segment, _listed_at):
        if self.latest.encrypted:
            return
        self._init(client, segment)
        if part.gap:
            self.media.skip_part(part)
            return
        data = self._get(client, part.uri, "PT-16")
        if data is not None:
            self.media.add_part(part, segment, data)

    def _take_segment(self, client, segment, playlist):
        self._init(client, segment)
        data = self._get(client, segment.uri, "SEG-01")
        if data is None:
            return
        if segment.bit_rate is not None:
            real = len(data) * 8e-3 / max(0.001, float(segment.duration))
            self.report.expect(0.9 * real <= segment.bit_rate <= 1.1 * real, "PL-18", self.where,
                               f"segment {segment.msn}: EXT-X-BITRATE {segment.bit_rate}, "
                               f"it has {real:.0f} kb/s")
        chunks, kind = [], rules_other_media.container(data)
        self.containers.add(kind)
        if playlist.encrypted:
            pass  # Its size is all that can be seen.
        elif kind == "fMP4":
            chunks = self.media.check_segment(segment, data, playlist.independent_segments,
                                              playlist.target_duration)
        else:
            self.media.note_kind(segment, kind)
            self.other_media.check(segment, data, kind)
        self.segment_bytes[segment.msn] = (segment, len(data), chunks)

    def check_kept(self):
        """What left the playlists but must still be there (PT-13, SEG-02); and it is identical."""
        client = httpc.Clients()
        try:
            parts = [one for one in self.removed if one[1] in self.listed]
            segments = [one for one in self.removed if one[1] not in self.listed]
            for _, uri, until in segments[-10:] + parts[-40::4]:
                if time.monotonic() > until - 0.5:
                    continue
                answer = client.get(urllib.parse.urljoin(self.url, uri))
                rule = "PT-13" if uri in self.listed else "SEG-02"
                left = until - time.monotonic()
                self.report.expect(answer.status == 200, rule, self.where,
                                   f"{uri} answered {answer.status} {left:.1f} s before it may go")
                known = self.media.parts.get(uri)
                if known and answer.status == 200:
                    self.report.expect(known[0] == answer.body, "SEG-06", self.where,
                                       f"{uri} changed")
            for uri, data in list(self.media.init_bytes.items()):
                answer = client.get(urllib.parse.urljoin(self.url, uri))
                if answer.status == 200:
                    self.report.expect(answer.body == data, "CMAF-06", self.where, f"{uri} changed")
        except _NETWORK as error:
            self.report.fail("SEG-02", self.where, f"{type(error).__name__}: {error}")
        finally:
            client.close()
