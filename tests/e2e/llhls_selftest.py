#!/usr/bin/env python3
"""Tests of the checker: each rule has something that breaks it, and a good stream breaks none."""
import concurrent.futures
import sys
import threading
import time
import types

import fmp4
import follower
import llhls
import mock_origin
import probes
import rules_media
import rules_playlist
from playlist import parse_media, parse_multivariant
from report import Report

GOOD = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6
#EXT-X-PART-INF:PART-TARGET=0.2
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init-10.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXTINF:2.00000,
s10.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
#EXTINF:2.00000,
s11.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-12.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:05.000Z
#EXT-X-PART:DURATION=0.2,URI="p30.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.2,URI="p31.m4s"
#EXT-X-PART:DURATION=0.1,URI="p32.m4s"
#EXTINF:0.50000,
s12.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:05.500Z
#EXT-X-PART:DURATION=0.2,URI="p33.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.2,URI="p34.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p35.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=13,LAST-PART=1
"""
LATER = GOOD.replace("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p35.m4s\"",
                     "#EXT-X-PART:DURATION=0.2,URI=\"p35.m4s\"\n"
                     "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p36.m4s\"")
MULTIVARIANT = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",\
URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,CODECS="avc1.64001f,mp4a.40.2",\
RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="a"
360p/index.m3u8
"""

# Rule, what is replaced in GOOD, by what.
ONE_VERSION = [
    ("SYN-01", "#EXTM3U\n", "#EXT-X-FIRST\n"),
    ("SYN-02", "#EXT-X-VERSION:6", "#EXT-X-VERSION:6\x07"),
    ("SYN-03", "DURATION=0.1,URI", "DURATION=0.1, URI"),
    ("SYN-04", "INDEPENDENT=YES", 'INDEPENDENT="YES"'),
    ("SYN-04", "#EXTINF:0.50000,", "#EXTINF:0.50000"),
    ("SYN-04", "DURATION=0.1,", "DURATION=1e-1,"),
    ("SYN-05", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"),
    ("SYN-06", "#EXT-X-VERSION:6", "#EXT-X-VERSION:5"),
    ("SYN-07", "#EXT-X-VERSION:6", "#EXT-X-VERSION:9"),
    ("SYN-08", "#EXT-X-MEDIA-SEQUENCE:10\n",
     "#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-MEDIA-SEQUENCE:10\n"),
    ("SYN-09", "#EXT-X-RENDITION-REPORT", "#EXTINF:2.0,\n#EXT-X-RENDITION-REPORT"),
    ("SYN-10", 'DURATION=0.1,URI="p32.m4s"', "DURATION=0.1"),
    ("PL-01", "#EXT-X-TARGETDURATION:2\n", ""),
    ("PL-02", "#EXTINF:2.00000,\ns11", "#EXTINF:2.50000,\ns11"),
    ("PL-08", '#EXT-X-MAP:URI="init-12.mp4"\n',
     '#EXT-X-MAP:URI="init-12.mp4"\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n'),
    ("PL-09", "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-OTHER"),
    ("PL-10", "12:00:02.000Z", "12:00:02.000"),
    ("PL-11", "12:00:02.000Z", "12:00:03.000Z"),
    ("PL-14", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:LIVE\n"),
    ("PL-16", '#EXT-X-MAP:URI="init-10.mp4"\n', ""),
    ("PL-23", "s11.m4s", "s10.m4s"),
    ("PL-23", 'URI="p31.m4s"', 'URI="p30.m4s"'),
    ("SC-01", ",PART-HOLD-BACK=0.6", ""),
    ("SC-02", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.3"),
    ("SC-03", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.59999"),
    ("SC-04", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.6,HOLD-BACK=5.9"),
    ("SC-05", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=11.0"),
    ("SC-06", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.6,CAN-SKIP-DATERANGES=YES"),
    ("SC-08", "CAN-BLOCK-RELOAD=YES,", ""),
    ("PT-01", "#EXT-X-PART-INF:PART-TARGET=0.2\n", ""),
    ("PT-02", 'DURATION=0.2,URI="p31.m4s"', 'DURATION=0.20001,URI="p31.m4s"'),
    ("PT-03", 'DURATION=0.2,URI="p31.m4s"', 'DURATION=0.15,URI="p31.m4s"'),
    ("PT-05", "#EXTINF:0.50000,", "#EXTINF:0.60000,"),
    ("PT-10", '#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:05.500Z\n'
     '#EXT-X-PART:DURATION=0.2,URI="p33.m4s",INDEPENDENT=YES\n',
     '#EXT-X-PART:DURATION=0.2,URI="p33.m4s",INDEPENDENT=YES\n'
     '#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:05.500Z\n'),
    ("PT-17", '#EXT-X-PART:DURATION=0.2,URI="p30.m4s",INDEPENDENT=YES\n'
     '#EXT-X-PART:DURATION=0.2,URI="p31.m4s"\n#EXT-X-PART:DURATION=0.1,URI="p32.m4s"\n', ""),
    ("PT-18", 'URI="p33.m4s",INDEPENDENT=YES', 'URI="p33.m4s"'),
    ("HINT-01", '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p35.m4s"\n', ""),
    ("HINT-02", "#EXT-X-PRELOAD", '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p36.m4s"\n#EXT-X-PRELOAD'),
    ("HINT-03", 'TYPE=PART,URI="p35.m4s"', 'TYPE=PART,URI="p34.m4s"'),
    ("HINT-08", "#EXT-X-RENDITION-REPORT", "#EXT-X-ENDLIST\n#EXT-X-RENDITION-REPORT"),
]
# Rule, replaced in LATER, by what; LATER comes after GOOD.
TWO_VERSIONS = [
    ("PL-03", "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:3"),
    ("PT-15", "PART-TARGET=0.2", "PART-TARGET=0.20000001"),
    ("PL-05", "#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:9"),
    ("PL-05", "#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:11"),
    ("PL-12", "#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:11"),
    ("PL-13", "#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:11"),
    ("PL-06", "#EXTINF:2.00000,\ns11", "#EXTINF:1.99000,\ns11"),
    ("PL-07", "#EXT-X-DISCONTINUITY-SEQUENCE:3", "#EXT-X-DISCONTINUITY-SEQUENCE:4"),
    ("PT-12", 'DURATION=0.2,URI="p31.m4s"', 'DURATION=0.2,URI="q31.m4s"'),
    ("PL-21", '#EXT-X-PART:DURATION=0.2,URI="p34.m4s"\n'
     '#EXT-X-PART:DURATION=0.2,URI="p35.m4s"\n', ""),
    ("HINT-03", 'DURATION=0.2,URI="p35.m4s"', 'DURATION=0.2,URI="p40.m4s"'),
]
VARIANTS = [
    ("MV-01", "BANDWIDTH=900000,A", "A"), ("MV-02", "AVERAGE-BANDWIDTH=800000,", ""),
    ("MV-04", "AVERAGE-BANDWIDTH=800000", "AVERAGE-BANDWIDTH=1000000"),
    ("MV-05", 'CODECS="avc1.64001f,mp4a.40.2",', ""), ("MV-06", ",mp4a.40.2", ""),
    ("MV-08", "RESOLUTION=640x360,", ""), ("MV-10", "FRAME-RATE=30.000,", ""),
    ("MV-11", "30.000", "29.97003"), ("MV-12", 'AUDIO="a"', 'AUDIO="b"'),
    ("MV-13", "AUTOSELECT=YES", "AUTOSELECT=NO"), ("MV-16", 'CHANNELS="2",', ""),
    ("SYN-05", "#EXTM3U\n", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"),
    ("SYN-09", "360p/index.m3u8\n", ""),
]
# Rule, fault of the mock, and the probe that finds it.
SERVED = [
    ("BR-01", "open_is_enough", "probe_blocking"), ("BR-04", "past_the_end", "probe_blocking"),
    ("BR-05", "part_alone", "probe_blocking"), ("BR-06", "far_200", "probe_blocking"),
    ("BR-07", "far_200", "probe_blocking"), ("BR-08", "old_400", "probe_blocking"),
    ("BR-10", "per_request", "probe_blocking"), ("BR-14", "early", "probe_blocking"),
    ("HTTP-02", "bad_type", "probe_playlist_http"), ("HTTP-03", "no_gzip", "probe_playlist_http"),
    ("HTTP-04", "always_gzip", "probe_playlist_http"),
    ("HTTP-06", "no_cors", "probe_playlist_http"),
    ("HTTP-08", "stale", "probe_playlist_http"), ("HTTP-12", "head_body", "probe_head"),
    ("HTTP-11", "no_range", "probe_media_http"), ("HTTP-15", "no_304", "probe_media_http"),
    ("HTTP-07", "no_cors", "probe_unknown"),
]
# Rule and fault that show while a stream is followed.
FOLLOWED = [
    ("BR-02", "early"), ("HINT-04", "hint_404"), ("HINT-05", "trickle"), ("SEG-03", "tfdt_hole"),
    ("PT-04", "long_sample"), ("PT-07", "other_segment"), ("CMAF-01", "old_brand"),
    ("CMAF-03", "mvhd_duration"), ("CMAF-08", "no_base_moof"), ("CMAF-11", "bad_offset"),
    ("CMAF-13", "bad_sync"), ("PT-13", "drop_parts"), ("SEG-02", "drop_segments"),
    ("HTTP-06", "no_cors"),
]
# Rule, and what is replaced in one rendition of two by what.
RENDITIONS = [
    ("PL-04", "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:3"),
    ("SC-07", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.7"),
    ("SC-03", "PART-TARGET=0.2", "PART-TARGET=0.21334"),
    ("XR-03", "T12:00:", "T12:01:"),
    ("XR-04", "DISCONTINUITY-SEQUENCE:3", "DISCONTINUITY-SEQUENCE:2"),
]
# Rule, and an edit of the video playlist as it is served.
REPORTS = [
    ("RR-01", lambda text: text.replace("#EXT-X-RENDITION-REPORT", "#EXT-X-OTHER")),
    ("RR-02", lambda text: text.replace("../audio", "http://127.0.0.1/live/mock/audio")),
    ("RR-03", lambda text: text.replace("LAST-MSN=1", "LAST-MSN=")),
]


class Failures:
    def __init__(self):
        self.lock, self.texts, self.count = threading.Lock(), [], 0

    def expect(self, condition, text):
        with self.lock:
            self.count += 1
            if not condition:
                self.texts.append(text)


def replaced(text, old, new):
    assert old in text, f"the sample has no {old!r}"
    return text.replace(old, new)


def test_texts(failures):
    report = Report()
    rules_playlist.check_media(parse_media(GOOD), report, "good")
    rules_playlist.check_media(parse_media(LATER), report, "later")
    rules_playlist.check_update(parse_media(GOOD), parse_media(LATER), report, "update")
    rules_playlist.check_multivariant(parse_multivariant(MULTIVARIANT), report)
    rules_playlist.check_presentation({"a": parse_media(GOOD), "b": parse_media(GOOD)}, report)
    failures.expect(not report.lines(), f"good playlists: {report.lines()}")
    for rule, old, new in ONE_VERSION:
        report = Report()
        rules_playlist.check_media(parse_media(replaced(GOOD, old, new)), report, "x")
        failures.expect(rule in report.rules(), f"{rule}: {old!r} -> {new!r}: {report.lines()}")
    for rule, old, new in TWO_VERSIONS:
        report = Report()
        rules_playlist.check_update(parse_media(GOOD), parse_media(replaced(LATER, old, new)),
                                    report, "x")
        failures.expect(rule in report.rules(), f"{rule}: {old!r} -> {new!r}: {report.lines()}")
    for rule, old, new in VARIANTS:
        report = Report()
        playlist = parse_multivariant(replaced(MULTIVARIANT, old, new))
        rules_playlist.check_multivariant(playlist, report)
        failures.expect(rule in report.rules(), f"{rule}: {old!r} -> {new!r}: {report.lines()}")
    for rule, old, new in RENDITIONS:
        report = Report()
        rules_playlist.check_presentation({"a": parse_media(GOOD),
                                           "b": parse_media(replaced(GOOD, old, new))}, report)
        failures.expect(rule in report.rules(), f"{rule}: {old!r} -> {new!r}: {report.lines()}")


def test_deltas(failures):
    head = GOOD[:GOOD.index("#EXT-X-MAP")].replace("PART-HOLD-BACK=0.6",
                                                   "PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=12.0")
    body = ['#EXT-X-MAP:URI="i.mp4"\n'] + [f"#EXTINF:2.00000,\ns{n}.m4s\n" for n in range(10, 20)]
    tail = '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p9.m4s"\n'
    full = head + "".join(body) + tail

    def delta(count, version=9, start=None, end=tail):
        text = head.replace("VERSION:6", f"VERSION:{version}")
        text += f"#EXT-X-SKIP:SKIPPED-SEGMENTS={count}\n"
        return text + "".join(body[1 + (count if start is None else start):]) + end

    cases = [(None, delta(4)), ("DU-01", full), ("DU-02", delta(6)), ("DU-03", delta(4, start=5)),
             ("DU-04", delta(4, version=6)), ("DU-06", delta(4, end=""))]
    for rule, text in cases:
        report = Report()
        rules_playlist.check_delta(parse_media(text), parse_media(full), report, "x")
        failures.expect((rule in report.rules()) if rule else not report.lines(),
                        f"{rule}: delta found {report.lines()}")
    report = Report()
    plain = full.replace(",CAN-SKIP-UNTIL=12.0", "")
    rules_playlist.check_delta(parse_media(delta(4)), parse_media(plain), report, "x")
    failures.expect("DU-07" in report.rules(), f"DU-07: found {report.lines()}")


def test_boxes(failures):
    init = fmp4.parse_init(mock_origin.init_segment(25, True))
    failures.expect(not init.faults and init.tracks[1].codec == "avc1.64001F",
                    f"good init: {init.faults} {init.tracks}")
    data = mock_origin.chunk(1, 0, [(1, 0x02000000, b"\0\0\0\1\x65")])
    failures.expect(not fmp4.parse_media(data, init.tracks)[1], "good chunk")
    for broken in (data[:-1], data + b"x", data[8:], b"\0\0\0\3moof"):
        failures.expect(fmp4.parse_media(broken, init.tracks)[1], f"broken box {broken[:12]!r}")


def test_gaps(failures):
    """A hole of a part, between two segments, is one unless the playlist says so."""
    def part(number, index):
        return types.SimpleNamespace(uri=f"p{number}-{index}", msn=number, index=index,
                                     duration="0.2", independent=True)

    def has_hole(between):
        report = Report()
        media = rules_media.RenditionMedia("x", report)
        media.add_init("init", mock_origin.init_segment(25, True))
        segment = types.SimpleNamespace(map_uri="init", discontinuity=False)
        for number, time in ((10, 0), (11, 10)):
            key = (1, 0x02000000, b"\0\0\0\1\x65")
            media.add_part(part(number, 0), segment, mock_origin.chunk(number, time, [key] * 5))
            between(media)
        return "SEG-03" in report.rules()

    failures.expect(has_hole(lambda media: None), "a hole that nobody speaks of")
    failures.expect(not has_hole(lambda media: media.skip_part(part(10, 1))), "a part with GAP=YES")
    failures.expect(not has_hole(lambda media: media.skip_segment(10)), "a segment with EXT-X-GAP")
    failures.expect(has_hole(lambda media: media.skip_segment(9)), "an earlier one's EXT-X-GAP")


def served(rule, fault, probe):
    origin, report = mock_origin.Origin([fault]), Report()
    try:
        getattr(probes, probe)(origin.media_url(), report, "x")
    finally:
        origin.stop()
    return rule in report.rules(), f"{rule}: {fault} found {report.lines()}"


def followed(rule, fault=None, mutate=None, seconds=2.6):
    origin = mock_origin.Origin([fault] if fault else [], mutate)
    try:
        report = llhls.Check(origin.url, seconds, True, False).run()
    finally:
        origin.stop()
    return rule in report.rules(), f"{rule}: {fault} found {report.lines()}"


def good_stream():
    """A good stream has no finding and lets nearly every rule be judged."""
    origin = mock_origin.Origin()
    try:
        report = llhls.Check(origin.url, 7.0).run()
    finally:
        origin.stop()
    return not report.lines() and len(report.judged) > 120, f"good stream: {report.text()}"


def test_live(failures):
    jobs = [(served, case) for case in SERVED] + [(followed, case) for case in FOLLOWED]
    jobs += [(followed, (rule, None, edit)) for rule, edit in REPORTS]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(function, *case) for function, case in jobs]:
            try:
                failures.expect(*future.result())
            except Exception as error:
                failures.expect(False, f"{type(error).__name__}: {error}")
    failures.expect(*good_stream())


def test_heartbeat(failures):
    beat = follower.Heartbeat()
    time.sleep(0.05)
    beat.stop()
    beat.stalls = [(1.0, 1.5)]
    failures.expect(abs(beat.stalled(1.2, 3.0) - 0.3) < 1e-9, "stalls are cut to the interval")


def main():
    failures = Failures()
    for test in (test_texts, test_deltas, test_boxes, test_gaps, test_heartbeat, test_live):
        test(failures)
    for text in failures.texts:
        print(text)
    right = failures.count - len(failures.texts)
    print(f"{right} of {failures.count} cases of the checker's own tests")
    return 1 if failures.texts else 0


if __name__ == "__main__":
    sys.exit(main())
