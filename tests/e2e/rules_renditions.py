"""Rules on several renditions beside each other, from what their followers saw."""
import bisect
import statistics
import urllib.parse


def presentation_times(chunks, track):
    """Seconds at which the samples are shown, edit list applied, in order."""
    return sorted((sample.dts + sample.composition_offset - track.media_time) / track.timescale
                  for chunk in chunks for sample in chunk.samples)


class Boundaries:
    """Where segments begin, and when pictures are shown. `followers` have ended."""

    def __init__(self, followers):
        self.starts = {}  # Segment number -> [(seconds, handler, where)]
        self.pictures = {}  # where -> {segment number: sorted seconds of its pictures}
        for each in followers:
            for number, (segment, _, chunks) in each.segment_bytes.items():
                init = each.media.inits.get(segment.map_uri)
                track = init.tracks.get(chunks[0].track_id) if init and chunks else None
                if track is None:
                    continue
                times = presentation_times(chunks, track)
                self.starts.setdefault(number, []).append((times[0], track.handler, each.where))
                if track.handler == "vide":
                    self.pictures.setdefault(each.where, {})[number] = times

    def check(self, report):
        self._check_starts(report)
        check_picture_times(self.pictures, report)

    def _check_starts(self, report):
        """XR-02, XR-08."""
        for number, items in self.starts.items():
            video = [item for item in items if item[1] == "vide"]
            for start, handler, where in items:
                if not video or (handler == "vide" and len(video) < 2):
                    continue
                apart = abs(start - video[0][0])
                if handler == "vide":
                    report.prefer(apart <= 0.003, "XR-02", where,
                                  f"segment {number} begins {apart * 1e3:.1f} ms off")
                else:
                    report.prefer(apart <= 0.065, "XR-08", where, f"segment {number} begins "
                                  f"{apart * 1e3:.1f} ms off the video")


def check_picture_times(pictures, report):
    """XR-01: pictures of each rendition are at times at which the densest has one too, nine of ten
    within 2.5 ms. A rung at half the rate has every other. Less than half of them fail, below nine of
    ten warn: in the place of a source that was away for a while pictures may be others.

    `pictures`: those of Boundaries. Segments that one of the two has not are left out."""
    if len(pictures) < 2:
        return
    densest = max(pictures, key=lambda where: sum(map(len, pictures[where].values())))
    for where, segments in pictures.items():
        common = segments.keys() & pictures[densest].keys()
        times = [time for number in common for time in segments[number]]
        if where == densest or len(times) < 10:
            continue
        grid = sorted(time for number in common for time in pictures[densest][number])
        off = [min(abs(time - other) for other in _near(grid, time)) for time in times]
        share = sum(each <= 0.0025 for each in off) / len(off)
        judge = report.prefer if share >= 0.5 else report.expect
        judge(share >= 0.9, "XR-01", where, f"{share:.0%} of the pictures are at times of "
              f"{densest}'s, others up to {max(off) * 1e3:.1f} ms off")


def _near(grid, time):
    at = bisect.bisect_left(grid, time)
    return grid[max(0, at - 1):at + 1]


def check_sync(followers, report, lenient):
    """XR-06: what one rendition publishes, the others have within one part target."""
    lags = {each.where: statistics.median(each.lags) for each in followers if each.lags}
    targets = [float(each.latest.part_target) for each in followers
               if each.latest and each.latest.part_target]
    judge = report.prefer if lenient else report.expect
    for where, lag in lags.items():
        apart = lag - min(lags.values())
        judge(apart <= max(targets, default=1.0), "XR-06", where,
              f"published {apart * 1e3:.0f} ms after the foremost rendition")


def check_reports(followers, report):
    """RR-01 … RR-04 against what each follower saw."""
    urls = {each.url: each for each in followers}
    for each in followers:
        if len(urls) < 2 or each.latest is None or each.latest.endlist or \
                each.latest.part_target is None:
            continue
        named = {}
        for item in each.latest.reports:
            uri = item.get("URI", "")
            report.expect("://" not in uri, "RR-02", each.where, f"{uri} is not relative")
            url = urllib.parse.urljoin(each.url, uri)
            report.prefer(url not in named and url != each.url, "RR-04", each.where,
                          f"report for itself or twice: {uri}")
            named[url] = item
        for url, other in urls.items():
            if url != each.url and report.expect(url in named, "RR-01", each.where,
                                                 f"no rendition report for {other.where}"):
                _check_report_edges(each, other, url, report)


def _check_report_edges(each, other, url, report):
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
    report.expect(wrong <= 0.05 * seen, "RR-03", each.where,
                  f"{wrong} of {seen} reports are off: {example}")


def rates(each):
    """(peak, mean) in bit/s over whole segments."""
    sizes = [(size * 8, float(segment.duration))
             for segment, size, _ in each.segment_bytes.values()]
    if not sizes:
        return (0, 0)
    total = sum(duration for _, duration in sizes)
    return (max(bits / duration for bits, duration in sizes if duration > 0),
            sum(bits for bits, _ in sizes) / total)


def check_rates(base, multivariant, followers, report):
    """MV-03, MV-04, MV-24: what the segments were against what `multivariant`, at URL `base`,
    declares by now."""
    by_url = {each.url: each for each in followers}
    audio = [each for each in followers if any(
        each.url == urllib.parse.urljoin(base, media.get("URI", ""))
        for media in multivariant.media if media.get("URI"))]
    extra_peak, extra_mean = max((rates(each) for each in audio), default=(0, 0))
    for variant in multivariant.variants:
        each = by_url.get(urllib.parse.urljoin(base, variant["URI"]))
        if each is None or len(each.segment_bytes) < 2 or "BANDWIDTH" not in variant:
            continue
        peak, mean = rates(each)
        if each not in audio:
            peak, mean = peak + extra_peak, mean + extra_mean
        declared = int(variant["BANDWIDTH"])
        report.figures[f"rate of {each.where}"] = (
            f"peak {peak / 1e3:.0f}, mean {mean / 1e3:.0f}, BANDWIDTH {declared / 1e3:.0f} kb/s")
        report.prefer(peak <= 1.25 * declared, "MV-03", each.where,
                      f"peak {peak / 1e3:.0f} kb/s, BANDWIDTH {declared / 1e3:.0f}")
        if "AVERAGE-BANDWIDTH" in variant:
            average = int(variant["AVERAGE-BANDWIDTH"])
            report.expect(mean <= 1.5 * average, "MV-04", each.where,
                          f"mean {mean / 1e3:.0f} kb/s, AVERAGE {average / 1e3:.0f}")
        report.prefer(declared <= 4 * peak, "MV-24", each.where, "BANDWIDTH over 4 x peak")
