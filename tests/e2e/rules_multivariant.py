"""Rules on the multivariant playlist, and on all media playlists beside each other."""
from decimal import Decimal

from rules_playlist import note_faults

_VIDEO = ("avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "av01", "vp09")
_AUDIO = ("mp4a", "Opus", "opus", "fLaC", "ac-3", "ec-3", "ac-4")
_RANGES = {16: "PQ", 18: "HLG", 1: "SDR", 6: "SDR", 13: "SDR", 14: "SDR", 15: "SDR"}


def check_multivariant(playlist, report, where="multivariant"):
    note_faults(playlist.faults, where, report)
    groups = {(m.get("TYPE"), m.get("GROUP-ID")) for m in playlist.media}
    for variant in playlist.variants:
        name = f"{where} {variant['URI']}"
        video = is_video(variant)
        report.expect(variant.get("BANDWIDTH", "0") != "0", "MV-01", name, "no BANDWIDTH")
        report.expect("AVERAGE-BANDWIDTH" in variant, "MV-02", name, "no AVERAGE-BANDWIDTH")
        if "AVERAGE-BANDWIDTH" in variant and "BANDWIDTH" in variant:
            report.prefer(int(variant["AVERAGE-BANDWIDTH"]) <= int(variant["BANDWIDTH"]), "MV-04",
                          name, "AVERAGE-BANDWIDTH above BANDWIDTH")
        report.expect(variant.get("CODECS"), "MV-05", name, "no CODECS")
        if video:
            report.expect("RESOLUTION" in variant, "MV-08", name, "no RESOLUTION")
            report.expect("FRAME-RATE" in variant, "MV-10", name, "no FRAME-RATE")
            decimals = variant.get("FRAME-RATE", "").partition(".")[2]
            report.expect(len(decimals) <= 3, "MV-11", name, "FRAME-RATE with over three decimals")
        for kind in ("AUDIO", "VIDEO", "SUBTITLES"):
            if kind in variant:
                report.expect((kind, variant[kind]) in groups, "MV-12", name,
                              f"{kind} group {variant[kind]!r} does not exist")
        if "AUDIO" in variant:
            report.expect(_has_audio(variant.get("CODECS", "")), "MV-06", name,
                          "CODECS lacks the audio of the group")
    _check_media_tags(playlist, report, where)
    without = [variant.get("CLOSED-CAPTIONS") == "NONE" for variant in playlist.variants]
    report.expect(all(without) or not any(without), "MV-21", where,
                  "CLOSED-CAPTIONS=NONE on some variants only")
    scored = ["SCORE" in variant for variant in playlist.variants]
    report.prefer(all(scored) or not any(scored), "MV-22", where, "SCORE on some variants only")
    rates = {variant.get("BANDWIDTH") for variant in playlist.variants if is_video(variant)}
    if rates:
        report.prefer(len(rates) > 1, "MV-23", where, "one video bit rate only")
        report.prefer(playlist.i_frames, "MV-20", where, "no I-frame playlist is offered")
    for each in playlist.i_frames:
        report.prefer("CODECS" in each and "RESOLUTION" in each, "MV-20",
                      f"{where} {each.get('URI')}", "I-frame playlist without CODECS or RESOLUTION")


def is_video(variant):
    return "RESOLUTION" in variant or any(
        codec.strip()[:4] in _VIDEO for codec in variant.get("CODECS", "").split(","))


def _has_audio(codecs):
    return any(codec.strip()[:4] in _AUDIO for codec in codecs.split(","))


def _check_media_tags(playlist, report, where):
    names, defaults = set(), {}
    for media in playlist.media:
        group = (media.get("TYPE"), media.get("GROUP-ID"))
        name = f"{where} {group}"
        report.expect((group, media.get("NAME")) not in names, "MV-14", name, "NAME twice")
        names.add((group, media.get("NAME")))
        if media.get("DEFAULT") == "YES":
            defaults[group] = defaults.get(group, 0) + 1
            report.expect(media.get("AUTOSELECT") != "NO", "MV-13", name,
                          "DEFAULT=YES with AUTOSELECT=NO")
        report.expect(defaults.get(group, 0) <= 1, "MV-14", name, "more than one DEFAULT")
        _check_media_type(media, report, name)


def _check_media_type(media, report, name):
    kind = media.get("TYPE")
    if kind == "AUDIO":
        report.prefer("CHANNELS" in media, "MV-16", name, "no CHANNELS")
    else:
        report.expect("CHANNELS" not in media, "MV-13", name, "CHANNELS on what is no audio")
    if kind == "CLOSED-CAPTIONS":
        report.expect("URI" not in media, "MV-13", name, "CLOSED-CAPTIONS with a URI")
        report.expect("INSTREAM-ID" in media, "MV-13", name, "CLOSED-CAPTIONS without INSTREAM-ID")
    if kind == "SUBTITLES":
        report.expect(media.get("URI"), "MV-13", name, "SUBTITLES without a URI")
    else:
        report.expect("FORCED" not in media, "MV-13", name, "FORCED on what are no subtitles")
    if kind != "VIDEO":
        report.prefer(media.get("LANGUAGE"), "MV-15", name, "no LANGUAGE")


def check_independent(multivariant, videos, report, where="multivariant"):
    """MV-17; `videos`: the media playlists of the video variants."""
    said = multivariant.independent_segments or all(each.independent_segments for each in videos)
    if videos:
        report.expect(said, "MV-17", where,
                      "EXT-X-INDEPENDENT-SEGMENTS neither here nor in every video playlist")


def check_codecs(variant, entries, report, where):
    """MV-07; `entries`: sample entries of all renditions that the variant can be played with."""
    there = {entry.lower() for entry in entries}
    for codec in variant.get("CODECS", "").split(","):
        kind = codec.strip()[:4]
        if kind in _VIDEO + _AUDIO:
            report.expect(kind.lower() in there, "MV-07", where,
                          f"CODECS has {kind}, the init segments only {sorted(there)}")


def check_video_range(variant, transfer, report, where):
    """MV-18; `transfer`: ISO/IEC 23091-2, None where the init segment does not say."""
    if transfer in _RANGES:
        said = variant.get("VIDEO-RANGE", "SDR")  # 4.4.6.2: what is not said is SDR.
        report.expect(said == _RANGES[transfer], "MV-18", where,
                      f"transfer characteristics {transfer}, VIDEO-RANGE={said}")


def check_presentation(playlists, report):
    """Latest playlists by name; the largest part target decides PART-HOLD-BACK (SC-03)."""
    known = {name: p for name, p in playlists.items() if p is not None}
    if not known:
        return
    first_name, first = next(iter(known.items()))
    largest = max((p.part_target for p in known.values() if p.part_target), default=None)
    for name, playlist in known.items():
        report.expect(playlist.target_duration == first.target_duration, "PL-04", name,
                      f"TD {playlist.target_duration}, {first.target_duration} in {first_name}")
        report.expect(playlist.server_control == first.server_control, "SC-07", name,
                      "EXT-X-SERVER-CONTROL differs between renditions")
        hold = Decimal((playlist.server_control or {}).get("PART-HOLD-BACK", "0"))
        if largest and hold:
            report.expect(hold >= 3 * largest, "SC-03", name,
                          f"PART-HOLD-BACK {hold} < 3 x the largest part target {largest}")
        dated = any(s.pdt_text for s in playlist.segments)
        report.expect(dated == any(s.pdt_text for s in first.segments), "XR-03", name,
                      "only some renditions have dates")
        if playlist is first:
            continue
        _check_windows(first, playlist, name, report)
        if first.date_ranges and playlist.date_ranges:
            report.expect(first.date_ranges == playlist.date_ranges, "XR-09", name,
                          f"other date ranges than {first_name}")
        by_number = {s.msn: s for s in first.segments}
        for segment in playlist.segments:
            other = by_number.get(segment.msn)
            if other is None:
                continue
            report.expect(segment.discontinuity_sequence == other.discontinuity_sequence, "XR-04",
                          name, f"discontinuity sequence of {segment.msn} differs from {first_name}")
            if segment.pdt is not None and other.pdt is not None:
                # Sound that begins after the picture has a short first segment: its end agrees.
                late = segment.pdt - other.pdt
                apart = min(abs(late), abs(late + float(segment.duration - other.duration)))
                report.expect(apart <= 0.1, "XR-03", name,
                              f"dates of {segment.msn} are {apart:.3f} s apart")


def _check_windows(first, other, name, report):
    """XR-07, by dates. They were loaded one after the other, within a part or so. A beginning only
    warns: a rendition that came later has not yet as much to list."""
    td = first.target_duration or 1
    for word, judge, mine, theirs in zip(("begins", "ends"), (report.prefer, report.expect),
                                         other.window(), first.window()):
        if mine is not None and theirs is not None:
            judge(abs(mine - theirs) <= td + 0.5, "XR-07", name,
                  f"the window {word} {abs(mine - theirs):.2f} s off the first rendition's")
