#!/usr/bin/env python3
"""Follows a live LL-HLS presentation and judges it by the rules of LL-HLS (ids in the findings).

llhls.py URL [--seconds 15] [--lenient-timing] [--no-probes] [--json FILE]; exit code 1 when a rule
is broken. The URL is that of a multivariant playlist.
"""
import argparse
import json
import statistics
import sys
import threading
import time
import urllib.parse

import follower
import httpc
import probes
import rules_playlist
from playlist import parse_multivariant
from report import Report


class Check:
    """One run over one presentation. run() blocks for about `seconds`."""

    def __init__(self, url, seconds=15.0, lenient_timing=False, with_probes=True):
        self.url, self.seconds = url, seconds
        self.lenient, self.with_probes = lenient_timing, with_probes
        self.report = Report()
        self.followers = []
        self.multivariant = None

    def run(self):
        answer = httpc.fetch(self.url)
        if not self.report.expect(answer.status == 200, "MV-19", self.url, f"{answer.status}"):
            return self.report
        self.multivariant = parse_multivariant(answer.text)
        rules_playlist.check_multivariant(self.multivariant, self.report)
        self.report.expect(self.multivariant.variants, "MV-19", self.url, "no variant")
        urls = [urllib.parse.urljoin(self.url, uri) for uri in self.multivariant.playlists()]
        heartbeat = follower.Heartbeat()
        began = time.monotonic()
        self.followers = [follower.Follower(url, self.report, began + self.seconds) for url in urls]
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
        return self.report

    def _probe(self, urls):
        time.sleep(1.0)  # Let each follower make its connections; nothing depends on the length.
        steps = [(probes.probe_playlist_http, self.url)]
        for url in (urls[0], urls[-1]) if len(urls) > 1 else urls:
            steps += [(probe, url) for probe in (
                probes.probe_playlist_http, probes.probe_blocking, probes.probe_delta,
                probes.probe_media_http, probes.probe_unknown)]
        steps.append((probes.probe_abort, urls[0]))
        for probe, url in steps:
            where = "/".join(urllib.parse.urlsplit(url).path.split("/")[-2:])
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
        playlists = {each.url: each.latest for each in self.followers}
        rules_playlist.check_presentation(playlists, self.report)
        self._check_reports()
        for each in self.followers:
            each.check_hints(heartbeat)
            each.check_kept()
            self._check_pace(each, heartbeat, lenient)
            self._check_progress(each)
        self._check_sync(lenient)
        self._check_declared()
        self._check_rates()
        self._check_boundaries()

    def _check_progress(self, each):
        first, latest = each.first, each.latest
        if first is None or latest is None:
            return
        self.report.expect(latest.endlist or (latest.edge() or (0, 0)) > (first.edge() or (0, -1)),
                           "PL-15", each.where, "nothing new came")
        if each.lags:
            behind = statistics.median(each.lags)
            self.report.figures[f"edge of {each.where} behind the clock"] = (
                f"{behind * 1e3:.0f} ms, at most {max(each.lags) * 1e3:.0f} ms")
            self.report.prefer(-0.3 <= behind <= 60, "PL-24", each.where,
                               f"live edge {behind:.1f} s behind the clock")

    def _check_sync(self, lenient):
        """XR-06: what one rendition publishes, the others have within one part target."""
        lags = {each.where: statistics.median(each.lags) for each in self.followers if each.lags}
        targets = [float(each.latest.part_target) for each in self.followers
                   if each.latest and each.latest.part_target]
        judge = self.report.prefer if lenient else self.report.expect
        for where, lag in lags.items():
            apart = lag - min(lags.values())
            judge(apart <= max(targets, default=1.0), "XR-06", where,
                  f"published {apart * 1e3:.0f} ms after the foremost rendition")

    def _check_declared(self):
        """MV-06, MV-09, MV-11: what STREAM-INF says against the init segment and the media."""
        by_url = {each.url: each for each in self.followers}
        for variant in self.multivariant.variants:
            each = by_url.get(urllib.parse.urljoin(self.url, variant["URI"]))
            if each is None or not each.segment_bytes:
                continue
            segment, _, chunks = list(each.segment_bytes.values())[-1]
            init = each.media.inits.get(segment.map_uri)
            if not chunks or init is None:
                continue
            track = init.tracks[chunks[0].track_id]
            codecs = [c.strip().lower() for c in variant.get("CODECS", "").split(",")]
            if track.codec:
                self.report.expect(track.codec.lower() in codecs, "MV-06", each.where,
                                   f"the init segment is {track.codec}, CODECS {codecs}")
            if track.handler != "vide":
                continue
            size, said = f"{track.width}x{track.height}", variant.get("RESOLUTION")
            self.report.prefer(size == said, "MV-09", each.where, f"{size} declared as {said}")
            samples = [s.duration for c in chunks for s in c.samples]
            measured = track.timescale / statistics.median(samples)
            declared = float(variant.get("FRAME-RATE", 0))
            self.report.prefer(abs(measured - declared) < 0.02 * measured, "MV-11", each.where,
                               f"{measured:.3f} frames/s declared as {declared}")

    def _check_pace(self, each, heartbeat, lenient):
        """PT-14, PL-15 from the times at which the playlists came."""
        if each.latest is None or each.latest.part_target is None or len(each.edges) < 5:
            return
        target, late, worst = float(each.latest.part_target), 0, 0.0
        for (before, *_), (now, *_) in zip(each.edges, each.edges[1:]):
            gap = now - before - heartbeat.stalled(before, now)
            worst = max(worst, gap)
            late += gap > target + 0.1
        share = late / (len(each.edges) - 1)
        self.report.figures[f"longest wait for a part of {each.where}"] = f"{worst * 1e3:.0f} ms"
        judge = self.report.prefer if lenient else self.report.expect
        judge(share <= 0.03, "PT-14", each.where,
              f"{share:.0%} of the parts came later than {target + 0.1:.2f} s after the one before")
        segments = sorted(each.segment_listed.items())
        limit = 1.5 * each.latest.target_duration + 0.2
        fresh = [t for number, t in segments if number > each.first.last_complete]
        for before, now in zip(fresh, fresh[1:]):
            judge(now - before <= limit, "PL-15", each.where,
                  f"segment listed {now - before:.2f} s after the one before")

    def _check_reports(self):
        """RR-01 … RR-04 against what each follower saw."""
        urls = {each.url: each for each in self.followers}
        for each in self.followers:
            if each.latest is None or each.latest.endlist or each.latest.part_target is None:
                continue
            named = {}
            for item in each.latest.reports:
                uri = item.get("URI", "")
                self.report.expect("://" not in uri, "RR-02", each.where, f"{uri} is not relative")
                url = urllib.parse.urljoin(each.url, uri)
                self.report.prefer(url not in named and url != each.url, "RR-04", each.where,
                                   f"report for itself or twice: {uri}")
                named[url] = item
            for url, other in urls.items():
                if url == each.url:
                    continue
                if self.report.expect(url in named, "RR-01", each.where,
                                      f"no rendition report for {other.where}"):
                    self._check_report_edges(each, other, url)

    def _check_report_edges(self, each, other, url):
        """RR-03: within one part target either way, and what the two followers' requests differ."""
        if not other.edges:
            return
        slack, wrong, seen, example = 0.25 + float(each.latest.part_target), 0, 0, ""
        for now, reports in each.reports:
            if not other.edges[0][0] + slack < now < other.edges[-1][0] - slack:
                continue
            item = next((report for report in reports if
                         urllib.parse.urljoin(each.url, report.get("URI", "")) == url), {})
            seen += 1
            near = [(m, i) for t, m, i in other.edges if now - slack <= t <= now + slack]
            near += [(m, i) for t, m, i in other.edges if t < now - slack][-1:]  # It may stand still.
            try:
                said = (int(item.get("LAST-MSN", "")), int(item.get("LAST-PART", "")))
                good = not near or min(near) <= said <= max(near)
            except ValueError:
                said, good = "nothing", False
            if not good:
                wrong, example = wrong + 1, f"says {said} of {other.where}, which was at {near}"
        self.report.expect(wrong <= 0.05 * seen, "RR-03", each.where,
                           f"{wrong} of {seen} reports are off: {example}")

    def _check_rates(self):
        """MV-03, MV-04: what the segments were against what is declared by now. In the first second
        of a show nobody can know."""
        answer = httpc.fetch(self.url)
        latest = parse_multivariant(answer.text) if answer.status == 200 else self.multivariant
        by_url = {each.url: each for each in self.followers}
        audio = [each for each in self.followers if any(
            each.url == urllib.parse.urljoin(self.url, media.get("URI", ""))
            for media in self.multivariant.media if media.get("URI"))]
        extra_peak, extra_mean = max((_rates(each) for each in audio), default=(0, 0))
        for variant in latest.variants:
            each = by_url.get(urllib.parse.urljoin(self.url, variant["URI"]))
            if each is None or len(each.segment_bytes) < 2 or "BANDWIDTH" not in variant:
                continue
            peak, mean = _rates(each)
            if each not in audio:
                peak, mean = peak + extra_peak, mean + extra_mean
            declared = int(variant["BANDWIDTH"])
            self.report.figures[f"rate of {each.where}"] = (
                f"peak {peak / 1e3:.0f}, mean {mean / 1e3:.0f}, "
                f"BANDWIDTH {declared / 1e3:.0f} kb/s")
            self.report.prefer(peak <= 1.25 * declared, "MV-03", each.where,
                               f"peak {peak / 1e3:.0f} kb/s, BANDWIDTH {declared / 1e3:.0f}")
            if "AVERAGE-BANDWIDTH" in variant:
                average = int(variant["AVERAGE-BANDWIDTH"])
                self.report.expect(mean <= 1.5 * average, "MV-04", each.where,
                                   f"mean {mean / 1e3:.0f} kb/s, AVERAGE {average / 1e3:.0f}")
            self.report.prefer(declared <= 4 * peak, "MV-24", each.where, "BANDWIDTH over 4 x peak")

    def _check_boundaries(self):
        """XR-02, XR-08: where segments of the same number begin."""
        starts = {}
        for each in self.followers:
            for number, (segment, _, chunks) in each.segment_bytes.items():
                if not chunks:
                    continue
                init = each.media.inits[segment.map_uri]
                track = init.tracks[chunks[0].track_id]
                earliest = min(s.dts + s.composition_offset for c in chunks for s in c.samples)
                starts.setdefault(number, []).append(
                    ((earliest - track.media_time) / track.timescale, track.handler, each.where))
        for number, items in starts.items():
            video = [item for item in items if item[1] == "vide"]
            for start, handler, where in items:
                if not video:
                    continue
                apart = abs(start - video[0][0])
                if handler == "vide":
                    self.report.prefer(apart <= 0.003, "XR-02", where,
                                       f"segment {number} begins {apart * 1e3:.1f} ms off")
                else:
                    self.report.prefer(apart <= 0.065, "XR-08", where, f"segment {number} begins "
                                       f"{apart * 1e3:.1f} ms off the video")


def _rates(each):
    """(peak, mean) in bit/s over whole segments."""
    sizes = [(size * 8, float(segment.duration))
             for segment, size, _ in each.segment_bytes.values()]
    if not sizes:
        return (0, 0)
    total = sum(duration for _, duration in sizes)
    return (max(bits / duration for bits, duration in sizes if duration > 0),
            sum(bits for bits, _ in sizes) / total)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--lenient-timing", action="store_true", help="timing rules only warn")
    parser.add_argument("--no-probes", action="store_true")
    parser.add_argument("--json", help="write the findings to this file")
    options = parser.parse_args()
    check = Check(options.url, options.seconds, options.lenient_timing, not options.no_probes)
    report = check.run()
    print(report.text())
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"findings": report.lines(), "figures": report.figures,
                       "judged": dict(report.judged)}, out, indent=1)
    return 1 if report.count("FAIL") else 0


if __name__ == "__main__":
    sys.exit(main())
