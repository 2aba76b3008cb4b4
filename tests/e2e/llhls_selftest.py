#!/usr/bin/env python3
"""Tests of the checker: each rule has something that breaks it, and a good stream breaks none."""
import concurrent.futures
import pathlib
import re
import sys
import threading
import time
import types

import follower
import httpc
import llhls
import llhls_media_selftest
import mock_origin
import probes
import rules_http
import rules_multivariant
import rules_playlist
import rules_renditions
from llhls_samples import (
    AUDIO_ONLY, BAD_DATE_RANGES, DECLARED, FOLLOWED, GOOD, GOOD_DATE_RANGES, LATER, MAP_HINT,
    MULTIVARIANT, ONE_VERSION, OTHER_MAP, RENDITIONS, REPORTS, SERVED, SOUND_VARIANT, TWO_VERSIONS,
    VARIANTS)
from playlist import parse_media, parse_multivariant
from report import Report
from rules import LEVELS, RULES

# Where verdicts come from.
JUDGES = ("llhls", "follower", "probes", "http2", "playlist", "fmp4", "rules_http", "rules_media",
          "rules_multivariant", "rules_other_media", "rules_playlist", "rules_renditions")


class Cases:
    """Any thread. What went wrong, and which rules were seen to be broken by a broken sample."""

    def __init__(self):
        self.lock, self.failures, self.count, self.broken = threading.Lock(), [], 0, set()

    def expect(self, condition, text):
        with self.lock:
            self.count += 1
            if not condition:
                self.failures.append(text)

    def expect_broken(self, rule, report, what):
        self.expect(rule in report.rules(), f"{rule}: {what} found {report.lines()}")
        with self.lock:
            self.broken.add(rule)

    def expect_good(self, report, what):
        self.expect(not report.lines(), f"{what} found {report.lines()}")


def replaced(text, old, new):
    assert old in text, f"the sample has no {old!r}"
    return text.replace(old, new)


# --- Texts ---

def judged(text):
    report = Report()
    rules_playlist.check_media(parse_media(text), report, "x")
    return report


def updated(old, new):
    report = Report()
    rules_playlist.check_update(parse_media(old), parse_media(new), report, "x")
    return report


def test_texts(cases):
    for text in (GOOD, LATER, OTHER_MAP):
        cases.expect_good(judged(text), "a good playlist")
    cases.expect_good(updated(GOOD, LATER), "a good update")
    report = Report()
    rules_multivariant.check_multivariant(parse_multivariant(MULTIVARIANT), report)
    rules_multivariant.check_multivariant(parse_multivariant(AUDIO_ONLY), report)
    rules_multivariant.check_presentation({"a": parse_media(GOOD), "b": parse_media(GOOD)}, report)
    cases.expect_good(report, "good playlists")
    for rule, old, new in ONE_VERSION:
        cases.expect_broken(rule, judged(replaced(GOOD, old, new)), f"{old!r} -> {new!r}")
    for rule, old, new in TWO_VERSIONS:
        cases.expect_broken(rule, updated(GOOD, replaced(LATER, old, new)), f"{old!r} -> {new!r}")
    for good, (rule, old, new) in [(MULTIVARIANT, each) for each in VARIANTS] + [
            (AUDIO_ONLY, each) for each in SOUND_VARIANT]:
        report = Report()
        rules_multivariant.check_multivariant(parse_multivariant(replaced(good, old, new)), report)
        cases.expect_broken(rule, report, f"{old!r} -> {new!r}")
    for rule, old, new in RENDITIONS:
        report = Report()
        rules_multivariant.check_presentation(
            {"a": parse_media(GOOD), "b": parse_media(replaced(GOOD, old, new))}, report)
        cases.expect_broken(rule, report, f"{old!r} -> {new!r}")


def with_range(text, tags):
    return replaced(text, "#EXT-X-MEDIA-SEQUENCE", f"{tags}\n#EXT-X-MEDIA-SEQUENCE")


def test_date_ranges(cases):
    for tags in GOOD_DATE_RANGES:
        cases.expect_good(judged(with_range(GOOD, tags)), tags)
        cases.expect_good(updated(with_range(GOOD, tags), with_range(LATER, tags)), tags)
    for tags in BAD_DATE_RANGES:
        cases.expect_broken("PL-20", judged(with_range(GOOD, tags)), tags)
    first, _, third = GOOD_DATE_RANGES
    undated = with_range(GOOD, first).replace("#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-OTHER")
    cases.expect_broken("PL-20", judged(undated), "a date range without dates")
    cases.expect_broken("PL-20", updated(with_range(GOOD, first), LATER), "one that went too early")
    early = first.replace("T12:00:", "T11:59:")
    cases.expect_good(updated(with_range(GOOD, early), LATER), "one that went when it was over")
    changed = first.replace('CLASS="c"', 'CLASS="d"')
    cases.expect_broken("PL-20", updated(with_range(GOOD, first), with_range(LATER, changed)),
                        "one that was changed")
    for other, is_good in ((first, True), (third, False)):
        report = Report()
        rules_multivariant.check_presentation({"a": parse_media(with_range(GOOD, first)),
                                               "b": parse_media(with_range(GOOD, other))}, report)
        if is_good:
            cases.expect_good(report, "date ranges alike")
        else:
            cases.expect_broken("XR-09", report, "other date ranges in one rendition")


def test_map_hints(cases):
    cases.expect_broken("HINT-10", updated(GOOD, OTHER_MAP), "another map without a hint")
    cases.expect_good(updated(replaced(GOOD, "#EXT-X-RENDITION", MAP_HINT), OTHER_MAP),
                      "another map with a hint")


def test_deltas(cases):
    head = GOOD[:GOOD.index("#EXT-X-MAP")].replace("PART-HOLD-BACK=0.6",
                                                   "PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=12.0")
    body = ['#EXT-X-MAP:URI="i.mp4"\n'] + [f"#EXTINF:2.00000,\ns{n}.m4s\n" for n in range(10, 20)]
    tail = '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p9.m4s"\n'
    full = head + "".join(body) + tail

    def delta(count, version=9, start=None, end=tail, more=""):
        text = head.replace("VERSION:6", f"VERSION:{version}")
        text += f"#EXT-X-SKIP:SKIPPED-SEGMENTS={count}{more}\n"
        return text + "".join(body[1 + (count if start is None else start):]) + end

    def found(text, of=full):
        report = Report()
        rules_playlist.check_delta(parse_media(text), parse_media(of), report, "x")
        return report

    cases.expect_good(found(delta(4)), "a good delta")
    late = delta(4).replace("#EXT-X-MEDIA-SEQUENCE:10\n", "").replace(
        "SEGMENTS=4\n", "SEGMENTS=4\n#EXT-X-MEDIA-SEQUENCE:10\n")
    removed = ',RECENTLY-REMOVED-DATERANGES=""'
    for rule, text in [("DU-01", full), ("DU-02", delta(6)), ("DU-03", delta(4, start=5)),
                       ("DU-04", delta(4, version=6)), ("DU-05", late), ("DU-06", delta(4, end="")),
                       ("DU-09", delta(4, version=10, more=removed))]:
        cases.expect_broken(rule, found(text), "a delta")
    cases.expect_broken("DU-07", found(delta(4), full.replace(",CAN-SKIP-UNTIL=12.0", "")), "it")
    cases.expect_broken("DU-08", found(delta(4), full.replace("UNTIL=12.0", "UNTIL=13.0")), "it")
    # Date ranges may be skipped where that is offered, and told of.
    ranged = with_range(full, GOOD_DATE_RANGES[0])
    cases.expect_broken("DU-09", found(delta(4), ranged), "a delta without the date range")
    offered = ranged.replace("UNTIL=12.0", "UNTIL=12.0,CAN-SKIP-DATERANGES=YES")
    cases.expect_good(found(delta(4, version=10, more=removed), offered), "a delta of v2")


# --- What needs no origin ---

def test_declared(cases):
    def of(check, *arguments):
        report = Report()
        check(*arguments, report, "x")
        return report

    codecs = {"CODECS": "avc1.64001f,mp4a.40.2"}
    cases.expect_good(of(rules_multivariant.check_codecs, codecs, {"avc1", "mp4a"}), "CODECS")
    cases.expect_broken("MV-07", of(rules_multivariant.check_codecs, codecs, {"avc1"}), "CODECS")
    for said, transfer, is_good in (({}, 1, True), ({}, 16, False), ({"VIDEO-RANGE": "HLG"}, 18, True),
                                    ({"VIDEO-RANGE": "PQ"}, 18, False), ({}, None, True)):
        report = of(rules_multivariant.check_video_range, said, transfer)
        if is_good:
            cases.expect_good(report, f"{said} {transfer}")
        else:
            cases.expect_broken("MV-18", report, f"{said} {transfer}")
    other = replaced(GOOD, "#EXT-X-INDEPENDENT-SEGMENTS\n", "")
    for text, is_good in ((GOOD, True), (other, False)):
        report = of(rules_multivariant.check_independent, parse_multivariant(MULTIVARIANT),
                    [parse_media(GOOD), parse_media(text)])
        if is_good:
            cases.expect_good(report, "independent segments")
        else:
            cases.expect_broken("MV-17", report, "one playlist without the tag")


def answer(status=200, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpc.Answer(status, named, b"", 0.0, 0.0, 0.0, 0.0)


def test_http(cases):
    def of(check, *arguments):
        report = Report()
        check(*arguments, report, "x")
        return report

    text = answer(content_type="text/plain")
    cases.expect_broken("HTTP-01", of(rules_http.check_is_playlist, "http://h/live?f=.m3u8", text),
                        "a path of no playlist")
    cases.expect_good(of(rules_http.check_is_playlist, "http://h/i.m3u8?token=1", text), "a path")
    typed = answer(content_type="Application/vnd.apple.mpegurl; charset=utf-8")
    cases.expect_good(of(rules_http.check_is_playlist, "http://h/live", typed), "a type")
    for version, cipher, is_good in (("TLSv1.3", "TLS_AES_128_GCM_SHA256", True),
                                     ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", True),
                                     ("TLSv1.2", "AES128-GCM-SHA256", False),
                                     ("TLSv1.1", "ECDHE-RSA-AES128-SHA", False)):
        report = of(rules_http.check_tls, version, cipher)
        if is_good:
            cases.expect_good(report, cipher)
        else:
            cases.expect_broken("HTTP-22", report, cipher)
    fresh = answer(date="Fri, 01 May 2026 12:00:05 GMT",
                   last_modified="Fri, 01 May 2026 12:00:00 GMT")
    cases.expect_good(of(rules_http.check_last_modified, fresh, 2), "a fresh playlist")
    cases.expect_good(of(rules_http.check_priority, answer(priority="u=1"),
                         answer(priority="u=3, i")), "priorities")


def test_picture_times(cases):
    def of(times):
        report = Report()
        rules_renditions.check_picture_times(
            {"60": {1: [n / 60 for n in range(120)], 2: []}, "other": {1: times}}, report)
        return report

    cases.expect_good(of([n / 30 for n in range(60)]), "half the rate")
    cases.expect_broken("XR-01", of([n / 30 + 0.007 for n in range(60)]), "pictures in between")


def test_pace(cases):
    """Followers that saw what they are said to have seen."""
    def seen(edges, segments, lags=(), where="x"):
        playlist = parse_media(GOOD)
        return types.SimpleNamespace(where=where, first=playlist, latest=playlist, edges=edges,
                                     segment_listed=segments, lags=list(lags))

    def of(each, lenient=False):
        check, beat = llhls.Check("http://x/"), types.SimpleNamespace(stalled=lambda *_: 0.0)
        check._check_pace(each, beat, lenient)
        return check.report

    steady = [(n * 0.2, 13, n) for n in range(20)]
    cases.expect_good(of(seen(steady, {13: 0.0, 14: 2.0, 15: 4.1})), "a steady pace")
    pauses = [(n * 0.2 + (n // 4) * 0.5, 13, n) for n in range(20)]
    cases.expect_broken("PT-14", of(seen(pauses, {})), "parts in bursts")
    cases.expect(not of(seen(pauses, {}), True).count("FAIL"), "times that only warn")
    cases.expect_broken("PL-15", of(seen(steady, {13: 0.0, 14: 3.5})), "a segment that is late")
    report = Report()
    rules_renditions.check_sync([seen([], {}, [0.1]), seen([], {}, [0.25], "y")], report, False)
    cases.expect_good(report, "renditions in step")
    rules_renditions.check_sync([seen([], {}, [0.1]), seen([], {}, [0.5], "y")], report, False)
    cases.expect_broken("XR-06", report, "a rendition that is late")
    hanging = follower.Follower("http://x/a/index.m3u8", Report(), time.monotonic())
    hanging.threads = [threading.Thread(target=time.sleep, args=(1.0,), daemon=True)]
    hanging.start()
    hanging.join(0.0)
    cases.expect_broken("BR-09", hanging.report, "a request without an end")


def test_heartbeat(cases):
    beat = follower.Heartbeat()
    time.sleep(0.05)
    beat.stop()
    beat.stalls = [(1.0, 1.5)]
    cases.expect(abs(beat.stalled(1.2, 3.0) - 0.3) < 1e-9, "stalls are cut to the interval")


# --- With an origin ---

def served(cases, rules, fault, probe):
    origin, report = mock_origin.Origin([fault]), Report()
    try:
        getattr(probes, probe)(origin.media_url(), report, "x")
    finally:
        origin.stop()
    for rule in rules:
        cases.expect_broken(rule, report, fault)


def followed(cases, rules, fault=None, mutate=None, mutate_multivariant=None):
    origin = mock_origin.Origin([fault] if fault else [], mutate, mutate_multivariant)
    try:
        report = llhls.Check(origin.url, 2.6, True, False).run()
    finally:
        origin.stop()
    for rule in rules:
        cases.expect_broken(rule, report, fault or "an edit")


def by_fault(table):
    """[(rules, fault, …)] of rows (rule, fault, …)."""
    grouped = {}
    for rule, *how in table:
        grouped.setdefault(tuple(how), []).append(rule)
    return [(rules, *how) for how, rules in grouped.items()]


def test_live(cases):
    jobs = [(served, case) for case in by_fault(SERVED)]
    jobs += [(followed, case) for case in by_fault(FOLLOWED)]
    jobs += [(followed, ([rule], None, edit)) for rule, edit in REPORTS]
    jobs += [(followed, (rules, None, None, edit)) for rules, edit in DECLARED]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(function, cases, *case) for function, case in jobs]:
            try:
                future.result()
            except Exception as error:
                cases.expect(False, f"{type(error).__name__}: {error}")


def test_good_stream(cases):
    """It has no finding and lets nearly every rule be judged."""
    origin = mock_origin.Origin()
    try:
        report = llhls.Check(origin.url, 7.0).run()
    finally:
        origin.stop()
    cases.expect(not report.lines() and len(report.judged) > 145,
                 f"good stream: {len(report.judged)} rules\n{report.text()}")


# --- The table ---

def test_table(cases):
    """Every rule is judged somewhere, or the table says why it cannot be; every judged one was seen
    broken by a sample above."""
    sources = [(pathlib.Path(__file__).parent / f"{name}.py").read_text() for name in JUDGES]
    used = {rule for text in sources for rule in re.findall(r'"([A-Z]+[0-9]?-[0-9]{2})"', text)}
    wanted = {rule.id for rule in RULES.values() if not rule.never}
    cases.expect(used == wanted, f"judged and not so in the table: {sorted(used - wanted)}, "
                 f"in the table and not judged: {sorted(wanted - used)}")
    cases.expect(all(rule.level in LEVELS for rule in RULES.values()), "levels")
    without = sorted(used - cases.broken)
    cases.expect(not without, f"no broken sample: {without}")
    items = {item["rule"]: item for item in Report().items()}
    cases.expect(list(items) == list(RULES) and all(
        item["verdict"] == "not judged" and item["why"] for item in items.values()),
        "a report of nothing")


def main():
    cases = Cases()
    for test in (test_texts, test_date_ranges, test_map_hints, test_deltas, test_declared, test_http,
                 test_picture_times, llhls_media_selftest.test_media, test_pace, test_heartbeat,
                 test_live, test_good_stream, test_table):
        test(cases)
    for text in cases.failures:
        print(text)
    right = cases.count - len(cases.failures)
    print(f"{right} of {cases.count} cases of the checker's own tests")
    return 1 if cases.failures else 0


if __name__ == "__main__":
    sys.exit(main())
