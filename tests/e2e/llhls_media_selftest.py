"""Tests of the rules on media, by media that is made here: fMP4, MPEG-TS, packed audio, WebVTT."""
import types

import fmp4
import mock_origin
import rules_media
import rules_other_media
from report import Report

_KEY, _OTHER = (1, 0x02000000, b"\0\0\0\1\x65"), (1, 0x01010000, b"\0\0\0\1\x41")


def test_media(cases):
    for test in (_test_boxes, _test_inits, _test_chunks, _test_gaps, _test_kinds, _test_segments,
                 _test_ts, _test_packed_audio, _test_vtt):
        test(cases)


def _test_boxes(cases):
    init = fmp4.parse_init(mock_origin.init_segment(25, True))
    cases.expect(not init.faults and init.tracks[1].codec == "avc1.64001F" and
                 init.tracks[1].transfer == 1, f"good init: {init.faults} {init.tracks}")
    data = mock_origin.chunk(1, 0, [_KEY])
    cases.expect(not fmp4.parse_media(data, init.tracks)[1], "good chunk")
    for broken in (data[:-1], data + b"x", data[8:], b"\0\0\0\3moof"):
        cases.expect(fmp4.parse_media(broken, init.tracks)[1], f"broken box {broken[:12]!r}")


def _test_inits(cases):
    for rule, fault in (("CMAF-02", "no_moov"), ("CMAF-04", "no_trex"),
                        ("CMAF-05", "media_in_init"), ("CMAF-09", "other_file"),
                        ("CMAF-14", "two_tracks"), ("CMAF-15", "avc3"), ("CMAF-17", "two_edits")):
        report = Report()
        rules_media.check_init(mock_origin.init_segment(25, True, [fault]), report, "x")
        cases.expect_broken(rule, report, fault)
    report = Report()
    media = rules_media.RenditionMedia("x", report)
    for faults in ((), ("pq",)):
        media.add_init("init", mock_origin.init_segment(25, True, faults))
    cases.expect_broken("CMAF-06", report, "an init segment that changes")


def _chunks(data):
    report = Report()
    init = fmp4.parse_init(mock_origin.init_segment(25, True))
    rules_media.check_chunk(data, init, report, "x")
    return report


def _test_chunks(cases):
    good = mock_origin.chunk(1, 0, [_KEY, _OTHER])
    styp = b"iso6\0\0\0\0iso6"
    sidx = b"".join(number.to_bytes(4, "big") for number in (1, 25, 0, 0)) + b"\0\0\0\1"
    sidx += len(good).to_bytes(4, "big") + bytes(8)
    for before in (b"", mock_origin.box(b"styp", styp), mock_origin.full(b"sidx", 0, 0, sidx)):
        cases.expect_good(_chunks(before + good), f"a chunk behind {before[4:8]!r}")
    wrong = sidx[:-9] + bytes([sidx[-9] ^ 1]) + sidx[-8:]
    for rule, data in (
            ("CMAF-07", mock_origin.chunk(1, 0, [_KEY], ["no_tfdt"])),
            ("CMAF-14", mock_origin.chunk(1, 0, [_KEY], ["two_trafs"])),
            ("CMAF-10", good[:-1]), ("CMAF-20", mock_origin.box(b"styp", b"iso6") + good),
            ("CMAF-20", mock_origin.chunk(1, 0, [_KEY], ["other_prft"])),
            ("CMAF-20", mock_origin.box(b"free") + good),
            ("CMAF-20", mock_origin.full(b"sidx", 0, 0, wrong) + good)):
        cases.expect_broken(rule, _chunks(data), f"{data[:40]!r}")


def _part(number, index):
    return types.SimpleNamespace(uri=f"p{number}-{index}", msn=number, index=index, duration="0.2",
                                 independent=True)


def _media(faults=()):
    media = rules_media.RenditionMedia("x", Report())
    media.add_init("init", mock_origin.init_segment(25, True, faults))
    return media


def _test_gaps(cases):
    """A hole of a part, between two segments, is one unless the playlist says so."""
    def judged(between, second=2):
        media = _media()
        segment = types.SimpleNamespace(map_uri="init", discontinuity=False)
        for number, counter, at in ((10, 1, 0), (11, second, 10)):
            data = mock_origin.chunk(counter, at, [_KEY] * 5)
            media.add_part(_part(number, 0), segment, data)
            between(media)
        return media.report

    cases.expect_broken("SEG-03", judged(lambda media: None), "a hole that nobody speaks of")
    cases.expect_good(judged(lambda media: media.skip_part(_part(10, 1))), "a part with GAP=YES")
    cases.expect_good(judged(lambda media: media.skip_segment(10)), "a segment with EXT-X-GAP")
    cases.expect_broken("SEG-03", judged(lambda media: media.skip_segment(9)), "an earlier one's")
    cases.expect_broken("CMAF-12", judged(lambda media: None, 1), "the same number again")


def _segment(number=10, uri="s.m4s", **more):
    return types.SimpleNamespace(msn=number, uri=uri, **{
        "map_uri": "init", "discontinuity": False, "discontinuity_sequence": 0, "parts": [],
        "duration": "0.2", **more})


def _test_kinds(cases):
    media = _media()
    media.add_init("small", mock_origin.init_segment(25, True, (), (320, 180)))
    media.add_init("audio", mock_origin.init_segment(48000, False))
    media.note_kind(_segment(), "fMP4")
    media.note_kind(_segment(11, map_uri="small", discontinuity_sequence=1), "fMP4")
    cases.expect_good(media.report, "another size behind a discontinuity")
    media.note_kind(_segment(12, map_uri="small"), "fMP4")
    cases.expect_broken("CMAF-16", media.report, "another size")
    media.note_kind(_segment(13, map_uri="audio"), "fMP4")
    cases.expect_broken("SEG-08", media.report, "sound instead of pictures")


def _test_segments(cases):
    def judged(samples, composition=None):
        media = _media()
        data = mock_origin.chunk(1, 0, samples)
        if composition is not None:  # As if trun had composition offsets: all at one time.
            chunks, _ = fmp4.parse_media(data, media.inits["init"].tracks)
            for sample, offset in zip(chunks[0].samples, composition):
                sample.composition_offset = offset
            media._check_composition(chunks, _segment())
        else:
            media.check_segment(_segment(), data, True, 2)
        return media.report

    cases.expect_good(judged([_KEY] + [_OTHER] * 4), "a good segment")
    cases.expect_broken("SEG-04", judged([_OTHER, _KEY] + [_OTHER] * 3), "a late key picture")
    cases.expect_broken("PL-22", judged([_OTHER, _KEY] + [_OTHER] * 3), "a late key picture")
    cases.expect_broken("SEG-05", judged([_OTHER] * 5), "no key picture")
    cases.expect_broken("SEG-07", judged([(25, *_KEY[1:])] * 3), "three seconds")
    cases.expect_broken("CMAF-19", judged([_KEY] * 3, [0, 0, -1]), "two pictures at one time")


# --- MPEG-TS ---

def _packet(pid, counter, payload, start=True, clock=None):
    """One packet, filled up by its adaptation field."""
    room = 184 - len(payload)
    field = b""
    if room or clock is not None:
        body = b"" if room == 1 else bytes([0x10 if clock is not None else 0])
        if clock is not None:
            body += (clock << 15 | 0x7E00).to_bytes(6, "big")
        field = bytes([room - 1]) + body + b"\xff" * (room - 1 - len(body))
    return bytes([0x47, (0x40 if start else 0) | pid >> 8, pid & 0xFF,
                  (0x30 if field else 0x10) | counter & 0xF]) + field + payload


def _section(table, entries):
    length = 5 + len(entries) + 4
    return bytes([0, table, 0xB0 | length >> 8, length & 0xFF]) + b"\0\1\xc1\0\0" + entries + bytes(4)


def _stamp(ticks):
    """PTS alone in the header of a PES packet."""
    return b"\0\0\1\xe0\0\0\x80\x80\5" + bytes([
        0x21 | ticks >> 29 & 0xE, ticks >> 22 & 0xFF, ticks >> 14 & 0xFE | 1, ticks >> 7 & 0xFF,
        ticks << 1 & 0xFE | 1]) + b"picture..."


def _ts(counter=0, programs=1, clock=90000, stamp=99000):
    pat = b"".join(bytes([0, n + 1, 0xE1, n]) for n in range(programs))
    return _packet(0, counter, _section(0, pat)) + \
        _packet(0x100, counter, _section(2, b"\xe1\x11\xf0\0\x1b\xe1\x11\xf0\0")) + \
        _packet(0x111, counter, _stamp(stamp), clock=clock)


def _test_ts(cases):
    def judged(*segments):
        other = rules_other_media.Other("x", Report())
        for number, data in enumerate(segments):
            segment = _segment(number, "s.ts", map_uri=None)
            other.check(segment, data, rules_other_media.container(data))
        return other.report

    cases.expect_good(judged(_ts(), _ts(1, clock=190000, stamp=199000)), "MPEG-TS")
    for rule, segments in (("TS-01", [_ts()[:-1]]), ("TS-02", [_ts()[376:]]),
                           ("TS-02", [_ts()[188:] + _ts()[:188]]), ("TS-03", [_ts(programs=2)]),
                           ("TS-04", [_ts(), _ts(5)]), ("TS-05", [_ts(clock=None)]),
                           ("TS-05", [_ts(clock=99001)]), ("SEG-08", [b"?" * 188])):
        cases.expect_broken(rule, judged(*segments), f"{len(segments)} segments")


def _test_packed_audio(cases):
    def judged(stamp):
        frame = b"com.apple.streaming.transportStreamTimestamp\0" + stamp.to_bytes(8, "big")
        data = b"ID3\4\0\0\0\0\0" + bytes([len(frame) + 10]) + \
            b"PRIV\0\0\0" + bytes([len(frame)]) + b"\0\0" + frame + b"\xff\xf1sound"
        other = rules_other_media.Other("x", Report())
        other.check(_segment(uri="s.aac"), data, rules_other_media.container(data))
        return other.report

    cases.expect_good(judged(0x1FFFFFFFF), "packed audio")
    cases.expect_broken("AUD-01", judged(0x2FFFFFFFF), "a time stamp of 34 bits")


def _test_vtt(cases):
    def judged(text):
        other = rules_other_media.Other("x", Report())
        data = text.encode()
        other.check(_segment(uri="s.vtt", map_uri=None), data, rules_other_media.container(data))
        return other.report

    stamp = "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000"
    cases.expect_good(judged(f"WEBVTT\n{stamp}\n\n"), "WebVTT")
    cases.expect_good(judged("WEBVTT\n"), "a segment without cues")
    cases.expect_broken("VTT-01", judged("1\n00:00.000 --> 00:01.000\nHello\n"), "no header")
    cases.expect_broken("VTT-02", judged("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"), "no map")
