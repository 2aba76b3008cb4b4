"""Follows a live HLS presentation and judges it by the rules of rules.py.

scripts/check_hls.py is the command; tests make a Check.
"""
import http.client
import ssl
import statistics
import threading
import time
import urllib.parse

import follower
import httpc
import probes
import rules_http
import rules_multivariant
import rules_renditions
from playlist import MEDIA_TAGS, parse_media, parse_multivariant
from report import Report

_REDIRECTS = 5


class NothingToJudge(Exception):
    """There is no live channel at the URL; str() says what there is."""


def _fetch(url):
    """(URL behind redirects, Answer)"""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https") or \
            not urllib.parse.urlsplit(url).hostname:
        raise NothingToJudge(f"{url} is no http or https URL")
    for _ in range(_REDIRECTS):
        try:
            answer = httpc.fetch(url)
        except ssl.SSLCertVerificationError as error:
            raise NothingToJudge(f"{url}: the certificate is not trusted: {error.verify_message}; "
                                 "--ca names an authority of your own") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NothingToJudge(f"{url} cannot be reached: {error or type(error).__name__}") \
                from None
        if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
            return url, answer
        url = urllib.parse.urljoin(url, answer.headers["location"])
    raise NothingToJudge(f"{url}: more than {_REDIRECTS} redirects")


def _names(urls):
    """A short name for each URL: its folder where that tells them apart, else more of its path."""
    paths = [urllib.parse.urlsplit(url).path.strip("/").split("/") for url in urls]
    for begin, end in ((-2, -1), (-1, None), (-2, None), (-3, None)):
        names = ["/".join(path[begin:end]) for path in paths]
        if all(names) and len(set(names)) == len(names):
            return names
    return list(urls)


class Check:
    """One run over one presentation. run() blocks for about `seconds`."""

    def __init__(self, url, seconds=15.0, lenient_timing=False, with_probes=True):
        self.url, self.seconds = url, seconds
        self.lenient, self.with_probes = lenient_timing, with_probes
        self.report = Report()
        self.followers = []
        self.multivariant = None  # None where the URL is a media playlist's.

    def run(self):
        """The Report; NothingToJudge where there is no live channel."""
        try:
            self._run()
        except Exception as error:  # Who looks at the report alone must not take it for a good one.
            self.report.fail("MV-19", self.url, f"{type(error).__name__}: {error}")
            raise
        return self.report

    def _run(self):
        urls = self._load()
        heartbeat = follower.Heartbeat()
        began = time.monotonic()
        self.followers = [follower.Follower(url, self.report, began + self.seconds, where=name)
                          for url, name in zip(urls, _names(urls))]
        for each in self.followers:
            each.start()
        if self.with_probes and urls:
            prober = threading.Thread(target=self._probe, args=(urls,), daemon=True)
            prober.start()
            prober.join(self.seconds + 45)
            self.report.expect(not prober.is_alive(), "BR-09", "probes", "a probe hangs")
        for each in self.followers:
            each.join()
        heartbeat.stop()
        self._judge(heartbeat, time.monotonic() - began)

    # --- What is there ---

    def _load(self):
        """URLs of the media playlists."""
        self.url, answer = _fetch(self.url)
        if answer.status == 503:
            raise NothingToJudge(f"{self.url}: 503, the channel is not live (yet)")
        if answer.status != 200:
            raise NothingToJudge(f"{self.url}: {answer.status}, there is no such channel, or it is "
                                 "not live, or not for everybody")
        if not answer.text.lstrip("\ufeff \r\n").startswith("#EXTM3U"):
            raise NothingToJudge(f"{self.url} is no HLS playlist: it begins with "
                                 f"{answer.body[:40]!r}")
        rules_http.check_is_playlist(self.url, answer, self.report, "multivariant")
        tags = {line[1:].partition(":")[0] for line in answer.text.splitlines()}
        if "EXT-X-STREAM-INF" not in tags and tags.intersection(MEDIA_TAGS):
            return self._one_media_playlist(answer)
        self.multivariant = parse_multivariant(answer.text)
        rules_multivariant.check_multivariant(self.multivariant, self.report)
        if not self.multivariant.playlists():
            raise NothingToJudge(f"{self.url} names no media playlist")
        self._check_i_frames()
        urls = [urllib.parse.urljoin(self.url, uri) for uri in self.multivariant.playlists()]
        first = httpc.fetch(urls[0])
        if first.status == 200 and parse_media(first.text).endlist:
            raise NothingToJudge(f"{self.url}: the show has ended (EXT-X-ENDLIST), it is not live")
        return urls

    def _one_media_playlist(self, answer):
        if parse_media(answer.text).endlist:
            raise NothingToJudge(f"{self.url} has ended (EXT-X-ENDLIST): it is not live")
        self.report.skip(("MV", "XR", "RR", "SC-07", "PL-04"),
                         "the URL is that of one media playlist")
        return [self.url]

    def _check_i_frames(self):
        """MV-20, PL-04 of playlists that are not followed."""
        for each in self.multivariant.i_frames:
            url = urllib.parse.urljoin(self.url, each.get("URI", ""))
            answer = httpc.fetch(url)
            if self.report.expect(answer.status == 200, "MV-19", url, f"{answer.status}"):
                self.report.expect(parse_media(answer.text).i_frames_only, "MV-20", url,
                                   "an I-frame playlist without EXT-X-I-FRAMES-ONLY")

    def _probe(self, urls):
        time.sleep(1.0)  # Let each follower make its connections; nothing depends on the length.
        first = self.followers[0].latest
        can_block = first is not None and (first.server_control or {}).get(
            "CAN-BLOCK-RELOAD") == "YES"
        steps = [(probes.probe_playlist_http, self.url)] if self.multivariant else []
        steps += [(probe, urls[0]) for probe in (probes.probe_http2, probes.probe_tls,
                                                 probes.probe_host)]
        for url in (urls[0], urls[-1]) if len(urls) > 1 else urls:
            steps += [(probe, url) for probe in (
                probes.probe_playlist_http, probes.probe_delta, probes.probe_media_http,
                probes.probe_unknown)]
            steps += [(probes.probe_blocking, url)] if can_block else []
        if can_block:
            steps.append((probes.probe_abort, urls[0]))
        else:
            self.report.skip(("BR", "HTTP-20"), "there are no blocking reloads")
        names = {each.url: each.where for each in self.followers}
        for probe, url in steps:
            where = names.get(url, "multivariant")
            try:
                probe(url, self.report, where)
            except Exception as error:  # A probe that dies is a finding, never a silent pass.
                self.report.fail("HTTP-13", where,
                                 f"{probe.__name__}: {type(error).__name__}: {error}")

    # --- After the run ---

    def _judge(self, heartbeat, ran):
        stalled = sum(b - a for a, b in heartbeat.stalls)
        self.report.figures["checker stalled"] = f"{stalled:.2f} s of {ran:.1f} s"
        lenient = self.lenient or stalled > 0.05 * ran
        if len(self.followers) > 1:
            rules_multivariant.check_presentation(
                {each.where: each.latest for each in self.followers}, self.report)
            rules_renditions.check_reports(self.followers, self.report)
            rules_renditions.check_sync(self.followers, self.report, lenient)
            rules_renditions.Boundaries(self.followers).check(self.report)
        for each in self.followers:
            each.check_hints(heartbeat, lenient)
            each.check_kept()
            self._check_pace(each, heartbeat, lenient)
            self._check_progress(each)
        if self.multivariant:
            # As it is now: in the first second of a show nobody can know its rates.
            answer = httpc.fetch(self.url)
            latest = parse_multivariant(answer.text) if answer.status == 200 else self.multivariant
            self._check_declared(latest)
            rules_renditions.check_rates(self.url, latest, self.followers, self.report)

    def _check_progress(self, each):
        first, latest = each.first, each.latest
        if first is None or latest is None:
            return
        reached = [playlist.edge() or (playlist.last_complete, -1) for playlist in (first, latest)]
        self.report.expect(latest.endlist or reached[1] > reached[0], "PL-15", each.where,
                           "nothing new came")
        if each.lags:
            behind = statistics.median(each.lags)
            self.report.figures[f"edge of {each.where} behind the clock"] = (
                f"{behind * 1e3:.0f} ms, at most {max(each.lags) * 1e3:.0f} ms")
            self.report.prefer(-0.3 <= behind <= 60, "PL-24", each.where,
                               f"live edge {behind:.1f} s behind the clock")

    def _check_declared(self, multivariant):
        """MV-06, MV-07, MV-09, MV-11, MV-17, MV-18: what STREAM-INF says against the init segments
        and the media."""
        by_url = {each.url: each for each in self.followers}
        videos = []
        for variant in multivariant.variants:
            each = by_url.get(urllib.parse.urljoin(self.url, variant["URI"]))
            if each is None:
                continue
            if rules_multivariant.is_video(variant) and each.latest:
                videos.append(each.latest)
            entries = self._entries(multivariant, variant, by_url)
            if entries:
                rules_multivariant.check_codecs(variant, entries, self.report, each.where)
            if each.segment_bytes:
                self._check_declared_track(variant, each)
        rules_multivariant.check_independent(multivariant, videos, self.report)

    def _entries(self, multivariant, variant, by_url):
        """Sample entries of the variant and its audio group; empty where one of them is unknown."""
        uris = [variant["URI"]] + [
            media["URI"] for media in multivariant.media if media.get("URI") and
            media.get("TYPE") == "AUDIO" and media.get("GROUP-ID") == variant.get("AUDIO")]
        found = set()
        for uri in uris:
            each = by_url.get(urllib.parse.urljoin(self.url, uri))
            inits = [init for init in each.media.inits.values() if init] if each else []
            if not inits:
                return set()
            found |= {track.entry for init in inits for track in init.tracks.values()}
        return found

    def _check_declared_track(self, variant, each):
        segment, _, chunks = list(each.segment_bytes.values())[-1]
        init = each.media.inits.get(segment.map_uri)
        track = init.tracks.get(chunks[0].track_id) if init and chunks else None
        if track is None:
            return
        codecs = [c.strip().lower() for c in variant.get("CODECS", "").split(",")]
        if track.codec:
            self.report.expect(track.codec.lower() in codecs, "MV-06", each.where,
                               f"the init segment is {track.codec}, CODECS {codecs}")
        if track.handler != "vide":
            return
        size, said = f"{track.width}x{track.height}", variant.get("RESOLUTION")
        self.report.prefer(size == said, "MV-09", each.where, f"{size} declared as {said}")
        rules_multivariant.check_video_range(variant, track.transfer, self.report, each.where)
        samples = [s.duration for c in chunks for s in c.samples]
        measured = track.timescale / statistics.median(samples)
        declared = float(variant.get("FRAME-RATE", 0))
        self.report.prefer(abs(measured - declared) < 0.02 * measured, "MV-11", each.where,
                           f"{measured:.3f} frames/s declared as {declared}")

    def _check_pace(self, each, heartbeat, lenient):
        """PT-14, PL-15 from the times at which the playlists came."""
        if each.latest is None:
            return
        judge = self.report.prefer if lenient else self.report.expect
        # One that is polled is seen later than it is there, by up to half a target duration.
        limit = 1.5 * (each.latest.target_duration or 1) + (
            0.2 if each.edges else 0.5 * (each.latest.target_duration or 1) + 0.2)
        fresh = [t for number, t in sorted(each.segment_listed.items())
                 if number > each.first.last_complete]
        for before, now in zip(fresh, fresh[1:]):
            judge(now - before <= limit, "PL-15", each.where,
                  f"segment listed {now - before:.2f} s after the one before")
        if each.latest.part_target is None or len(each.edges) < 5:
            return
        target, late, worst = float(each.latest.part_target), 0, 0.0
        for (before, *_), (now, *_) in zip(each.edges, each.edges[1:]):
            gap = now - before - heartbeat.stalled(before, now)
            worst = max(worst, gap)
            late += gap > target + 0.1
        share = late / (len(each.edges) - 1)
        self.report.figures[f"longest wait for a part of {each.where}"] = f"{worst * 1e3:.0f} ms"
        judge(share <= 0.03, "PT-14", each.where,
              f"{share:.0%} of the parts came later than {target + 0.1:.2f} s after the one before")
