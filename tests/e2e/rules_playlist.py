"""Rules on one media playlist's text: one version, two successive ones, a delta."""
import math
from decimal import Decimal

from playlist import parse_date

_HALF = Decimal("0.5")
# Media that has no init segment; everything else is taken for fMP4, which needs one (PL-16).
_WITHOUT_MAP = (".ts", ".aac", ".ac3", ".ec3", ".mp3", ".vtt", ".webvtt")


def round_half_up(value):
    return int(math.floor(value + _HALF))


def note_faults(faults, where, report):
    for rule, message in faults:
        report.fail(rule, where, message)
    for rule in ("SYN-01", "SYN-02", "SYN-03", "SYN-04", "SYN-05", "SYN-08", "SYN-09", "SYN-10"):
        report.ok(rule)


def needed_version(playlist):
    """bis 8."""
    version = 1
    ranged = playlist.i_frames_only or any(s.byte_range for s in playlist.segments)
    if any(s.duration is not None and "." in str(s.duration) for s in playlist.segments):
        version = 3
    if ranged:
        version = 4
    if "EXT-X-MAP" in playlist.tags:
        version = 6
    if playlist.skipped:
        version = 10 if playlist.removed_date_ranges is not None else 9
    return version


# --- One version of a media playlist --------------------------------------------------------

def check_media(playlist, report, where):
    note_faults(playlist.faults, where, report)
    needed = needed_version(playlist)
    report.expect(playlist.version >= needed, "SYN-06", where,
                  f"version {playlist.version}, needs {needed}")
    report.prefer(playlist.version <= max(needed, 6), "SYN-07", where,
                  f"version {playlist.version}, {needed} would do")
    if not report.expect((playlist.target_duration or 0) >= 1, "PL-01", where,
                         "no EXT-X-TARGETDURATION"):
        return
    td = playlist.target_duration
    report.ok("PL-08")
    if any(playlist.parts()):
        report.ok("PT-10")
    _check_control(playlist, report, where)
    _check_segments(playlist, report, where)
    _check_parts(playlist, report, where)
    _check_hints(playlist, report, where)
    _check_date_ranges(playlist, report, where)
    if not playlist.endlist:
        report.expect(playlist.playlist_type in (None, "EVENT"), "PL-14", where,
                      f"PLAYLIST-TYPE {playlist.playlist_type}")
    total = sum((s.duration for s in playlist.segments), Decimal(0))
    if playlist.start and not playlist.endlist:
        offset = Decimal(playlist.start.get("TIME-OFFSET", "0"))
        left = -offset if offset < 0 else total - offset
        report.prefer(left >= 3 * td, "PL-19", where, f"EXT-X-START {left} s from the end")
    if total > 120 and not playlist.skipped and not playlist.endlist:
        report.prefer("CAN-SKIP-UNTIL" in (playlist.server_control or {}), "SC-09", where,
                      f"no delta updates of a window of {total} s")
    if playlist.msn + playlist.skipped > 0 and not playlist.skipped and not playlist.endlist:
        report.figures.setdefault(f"window of {where}", f"{total} s")
    if playlist.msn and not playlist.skipped:
        report.prefer(playlist.has_discontinuity_sequence, "PL-07", where,
                      "no EXT-X-DISCONTINUITY-SEQUENCE")
    return td


def _check_control(playlist, report, where):
    control, pt, td = playlist.server_control, playlist.part_target, playlist.target_duration
    has_parts = any(True for _ in playlist.parts())
    if has_parts:
        report.expect(pt, "PT-01", where, "parts without EXT-X-PART-INF")
    if pt:
        hold = Decimal((control or {}).get("PART-HOLD-BACK", "0"))
        if report.expect(hold > 0, "SC-01", where, "no PART-HOLD-BACK"):
            report.expect(hold >= 2 * pt, "SC-02", where, f"PART-HOLD-BACK {hold} < 2 x {pt}")
            report.expect(hold >= 3 * pt, "SC-03", where, f"PART-HOLD-BACK {hold} < 3 x {pt}")
        report.expect((control or {}).get("CAN-BLOCK-RELOAD") == "YES", "SC-08", where,
                      "parts without CAN-BLOCK-RELOAD=YES")
    if control and "HOLD-BACK" in control:
        report.expect(Decimal(control["HOLD-BACK"]) >= 3 * td, "SC-04", where, "HOLD-BACK < 3 TD")
    if control and "CAN-SKIP-UNTIL" in control:
        report.expect(Decimal(control["CAN-SKIP-UNTIL"]) >= 6 * td, "SC-05", where,
                      "CAN-SKIP-UNTIL < 6 TD")
    if control and "CAN-SKIP-DATERANGES" in control:
        report.expect("CAN-SKIP-UNTIL" in control, "SC-06", where,
                      "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL")


def _check_segments(playlist, report, where):
    td, uris, pdt_end = playlist.target_duration, set(), None
    for segment in playlist.segments:
        report.expect(round_half_up(segment.duration) <= td, "PL-02", where,
                      f"EXTINF {segment.duration} of {segment.msn} over TD {td}")
        if not segment.gap:
            report.expect((segment.uri, segment.byte_range) not in uris, "PL-23", where,
                          f"{segment.uri} twice")
            uris.add((segment.uri, segment.byte_range))
            if not segment.uri.partition("?")[0].endswith(_WITHOUT_MAP):
                report.expect(segment.map_uri or playlist.skipped, "PL-16", where,
                              f"no EXT-X-MAP before segment {segment.msn}")
        if segment.parts and segment.parts[0].index == 0 and not segment.gap:
            total = sum((part.duration for part in segment.parts), Decimal(0))
            slack = Decimal("0.0015") * len(segment.parts) + Decimal("0.002")
            report.expect(abs(total - segment.duration) <= slack, "PT-05", where,
                          f"parts of {segment.msn} add up to {total}, EXTINF {segment.duration}")
    dated = [s for s in playlist.segments if s.pdt_text]
    first = playlist.segments[0] if playlist.segments else playlist.open
    if first is not None:
        report.expect(dated or (playlist.open and playlist.open.pdt_text), "PL-09", where,
                      "no EXT-X-PROGRAM-DATE-TIME")
    for segment in playlist.segments:
        if segment.pdt is not None:
            report.prefer("." in segment.pdt_text and _has_zone(segment.pdt_text), "PL-10", where,
                          f"date {segment.pdt_text} without zone or milliseconds")
            if pdt_end is not None and not segment.discontinuity:
                drift = abs(segment.pdt - pdt_end)
                report.expect(drift < 0.5, "PL-11", where,
                              f"date of {segment.msn} jumps by {drift:.3f} s")
                report.prefer(drift <= 0.02, "PL-11", where,
                              f"date of {segment.msn} off EXTINF by {drift * 1e3:.1f} ms")
        start = segment.pdt if segment.pdt is not None else (
            None if segment.discontinuity else pdt_end)
        pdt_end = None if start is None else start + float(segment.duration)


def _has_zone(date):
    return date.endswith("Z") or "+" in date[10:] or "-" in date[10:]


def _check_parts(playlist, report, where):
    pt, td = playlist.part_target, playlist.target_duration
    uris, edge = set(), playlist.edge()
    if pt is None:
        return
    for segment in playlist.segments + ([playlist.open] if playlist.open else []):
        closed = segment is not playlist.open
        for index, part in enumerate(segment.parts):
            name = f"part {part.uri} of {segment.msn}"
            report.expect(part.duration <= pt, "PT-02", where,
                          f"{name}: {part.duration} > PART-TARGET {pt}")
            following = segment.parts[index + 1] if index + 1 < len(segment.parts) else None
            last = (closed and following is None) or (segment.msn, index) == edge
            if not (last or part.independent or part.gap or (following and following.gap)):
                report.expect(part.duration >= pt * Decimal("0.85"), "PT-03", where,
                              f"{name}: {part.duration} < 0.85 x {pt}")
            report.expect((part.uri, part.byte_range) not in uris, "PL-23", where,
                          f"{part.uri} twice")
            uris.add((part.uri, part.byte_range))
        if segment.parts and playlist.independent_segments:
            report.prefer(segment.parts[0].independent, "PT-18", where,
                          f"first part of {segment.msn} is not INDEPENDENT")
    open_parts = playlist.open.parts if playlist.open else []
    distance = sum((part.duration for part in open_parts), Decimal(0))
    parts_end = False
    for segment in reversed(playlist.segments):
        if segment.parts:
            report.prefer(distance <= 3 * td, "PT-11", where,
                          f"parts of {segment.msn} listed {distance} s from the end")
        if not segment.parts and not segment.gap and not parts_end:
            parts_end = True
            hold = Decimal((playlist.server_control or {}).get("PART-HOLD-BACK", "0"))
            report.prefer(distance >= hold, "PT-17", where,
                          f"parts of {segment.msn} gone {distance} s from the end")
        distance += segment.duration


def _check_hints(playlist, report, where):
    if playlist.endlist:
        report.expect(not playlist.hints, "HINT-08", where, "hint with ENDLIST")
        return
    if playlist.part_target is None:
        return
    kinds = [hint.get("TYPE") for hint in playlist.hints]
    report.expect("PART" in kinds, "HINT-01", where, "no PRELOAD-HINT:TYPE=PART")
    report.prefer(len(kinds) == len(set(kinds)), "HINT-02", where, "more than one hint of a type")
    listed = {part.uri for part in playlist.parts() if not part.byte_range}
    for hint in playlist.hints:
        report.expect(hint.get("URI") not in listed, "HINT-03", where,
                      f"hint names the listed part {hint.get('URI')}")


def _merged_date_ranges(playlist):
    """({id: attributes of all its tags}, ids that two tags say different things of)"""
    known, changed = {}, set()
    for tag in playlist.date_ranges:
        before = known.setdefault(tag.get("ID"), {})
        if any(before.get(name, value) != value for name, value in tag.items()):
            changed.add(tag.get("ID"))
        before.update(tag)
    return known, changed


def _end_of(date_range):
    """Seconds since the epoch, or None where the tag says neither."""
    start = parse_date(date_range.get("START-DATE", ""))
    if "END-DATE" in date_range:
        return parse_date(date_range["END-DATE"])
    if start is not None and "DURATION" in date_range:
        return start + float(date_range["DURATION"])
    return None


def _check_date_ranges(playlist, report, where):
    if not playlist.date_ranges:
        return
    dated = any(s.pdt_text for s in playlist.segments + ([playlist.open] if playlist.open else []))
    report.expect(dated, "PL-20", where, "EXT-X-DATERANGE without EXT-X-PROGRAM-DATE-TIME")
    known, changed = _merged_date_ranges(playlist)
    for name in changed:
        report.fail("PL-20", where, f"two tags of date range {name!r} differ")
    for name, tag in known.items():
        start, end = parse_date(tag.get("START-DATE", "")), parse_date(tag.get("END-DATE", ""))
        if not report.expect(start is not None or playlist.skipped, "PL-20", where,
                             f"date range {name!r} without START-DATE") or start is None:
            continue
        if end is not None:
            report.expect(end >= start, "PL-20", where, f"date range {name!r} ends before it begins")
            length = float(tag.get("DURATION", end - start))
            report.expect(abs(start + length - end) < 0.002, "PL-20", where,
                          f"END-DATE of {name!r} is not START-DATE + DURATION")
        if "END-ON-NEXT" in tag:
            good = tag["END-ON-NEXT"] == "YES" and "CLASS" in tag and not (
                "DURATION" in tag or "END-DATE" in tag)
            report.expect(good, "PL-20", where,
                          f"END-ON-NEXT of {name!r} without CLASS or with an end")


# --- Two versions -----------------------------------------------------------------------------

def check_update(old, new, report, where):
    """`new` came after `old`; both full playlists."""
    report.expect(old.target_duration == new.target_duration, "PL-03", where,
                  f"TD {old.target_duration} became {new.target_duration}")
    report.prefer(old.part_target == new.part_target, "PT-15", where, "PART-TARGET changed")
    report.expect(new.msn >= old.msn, "PL-05", where, f"MSN fell from {old.msn} to {new.msn}")
    before = {s.msn: s for s in old.segments}
    uris = {s.uri: s.msn for s in old.segments if not s.gap}
    for segment in new.segments:
        known = before.get(segment.msn)
        if known:
            report.expect(known.identity() == segment.identity(), "PL-06", where,
                          f"{segment.msn} changed: {known.identity()} -> {segment.identity()}")
            report.expect(known.discontinuity_sequence == segment.discontinuity_sequence, "PL-07",
                          where, f"discontinuity sequence of {segment.msn} changed")
        if segment.uri in uris:
            report.expect(uris[segment.uri] == segment.msn, "PL-05", where,
                          f"{segment.uri} had number {uris[segment.uri]}, has {segment.msn}")
    back = old.edge() and new.edge() and new.edge() < old.edge()
    if back or new.last_complete < old.last_complete:
        report.fail("PL-21", where, f"edge went back from {old.edge()} to {new.edge()}")
    if new.msn > old.msn and not new.endlist:
        total = sum((s.duration for s in new.segments), Decimal(0))
        report.expect(total >= 3 * new.target_duration, "PL-12", where, f"window of {total} s")
        report.expect(len(new.segments) >= 6, "PL-13", where,
                      f"window of {len(new.segments)} segments")
    _check_part_update(old, new, report, where)
    _check_date_range_update(old, new, report, where)


def _check_date_range_update(old, new, report, where):
    (before, _), (after, _) = _merged_date_ranges(old), _merged_date_ranges(new)
    begin = new.window()[0]
    for name, tag in before.items():
        if name in after:
            same = all(after[name].get(key, value) == value for key, value in tag.items())
            report.expect(same, "PL-20", where, f"date range {name!r} changed")
        elif begin is not None and _end_of(tag) is not None:
            report.expect(_end_of(tag) <= begin, "PL-20", where,
                          f"date range {name!r} went while it was in the window")


def _check_part_update(old, new, report, where):
    after = {(p.msn, p.index): p for p in new.parts()}
    still = {s.msn for s in new.segments + ([new.open] if new.open else []) if s.parts}
    for part in old.parts():
        if part.msn in still:
            known = after.get((part.msn, part.index))
            same = known and (known.uri, known.duration, known.independent) == (
                part.uri, part.duration, part.independent)
            report.expect(same, "PT-12", where, f"part {part.uri} of {part.msn} changed or went")
    edge = old.edge()
    if edge is None:
        return
    fresh = [p for p in new.parts() if (p.msn, p.index) > edge]
    hints = [h for h in old.hints if h.get("TYPE") == "PART"]
    if fresh and hints:
        crossed = any(s.discontinuity and s.msn > edge[0] for s in new.segments + [new.open] if s)
        judge = report.prefer if crossed else report.expect
        judge(fresh[0].uri == hints[0].get("URI"), "HINT-03", where,
              f"hinted {hints[0].get('URI')}, came {fresh[0].uri}")
    if fresh:
        _check_map_hint(old, new, edge[0], fresh[0].msn, report, where)


def _check_map_hint(old, new, before, after, report, where):
    """`before` and `after`: the segments of the last part of `old` and of the next of `new`."""
    maps = {s.msn: s.map_uri for s in new.segments + ([new.open] if new.open else [])}
    if maps.get(before) and maps.get(after) != maps[before]:
        hinted = [hint.get("URI") for hint in old.hints if hint.get("TYPE") == "MAP"]
        report.prefer(maps[after] in hinted, "HINT-10", where,
                      f"{maps[after]} came without a hint of TYPE=MAP")


def check_delta(delta, full, report, where):
    """`delta` is the answer to _HLS_skip=YES, `full` the same version in full."""
    note_faults(delta.faults, where, report)
    report.ok("DU-05")
    until = Decimal((full.server_control or {}).get("CAN-SKIP-UNTIL", "0"))
    total = sum((s.duration for s in full.segments), Decimal(0))
    if until == 0:
        report.expect(delta.skipped == 0, "DU-07", where, "EXT-X-SKIP without CAN-SKIP-UNTIL")
        return
    end, beyond, entirely, starting = Decimal(0), 0, 0, 0
    for segment in full.segments:
        beyond += total - end - segment.duration > until
        if total - end - segment.duration >= until:
            entirely += 1
        if total - end > until:
            starting += 1
        end += segment.duration
    if delta.skipped == 0:
        report.expect(beyond == 0, "DU-01", where, f"{beyond} segments could be skipped")
        return
    report.expect(delta.version >= 9, "DU-04", where, f"version {delta.version} with EXT-X-SKIP")
    report.expect(delta.skipped <= starting, "DU-02", where,
                  f"{delta.skipped} skipped, only {starting} start beyond CAN-SKIP-UNTIL")
    report.prefer(delta.skipped <= entirely, "DU-08", where,
                  f"{delta.skipped} skipped, only {entirely} lie entirely beyond")
    report.expect(delta.msn == full.msn and
                  delta.discontinuity_sequence == full.discontinuity_sequence, "DU-03", where,
                  "the delta has other sequence numbers")
    check_removed_date_ranges(delta, full, report, where)
    rest = [(s.msn, s.uri, s.duration) for s in full.segments[delta.skipped:]]
    report.expect([(s.msn, s.uri, s.duration) for s in delta.segments] == rest, "DU-03", where,
                  "old + delta is not the full playlist")
    report.expect(delta.hints == full.hints and len(delta.reports) == len(full.reports), "DU-06",
                  where, "hints or rendition reports missing")


def check_removed_date_ranges(delta, full, report, where):
    """DU-09: what a delta may leave out of the date ranges, and must say of those that went."""
    ids = [{tag.get("ID") for tag in each.date_ranges} for each in (delta, full)]
    offered = (full.server_control or {}).get("CAN-SKIP-DATERANGES") == "YES"
    if delta.removed_date_ranges is not None:
        report.expect(offered and delta.version >= 10, "DU-09", where,
                      "RECENTLY-REMOVED-DATERANGES that was not offered, or below version 10")
    else:
        report.expect(ids[0] == ids[1], "DU-09", where, "date ranges are missing in the delta")
