"""Playlists that break nothing, and for each rule what must be changed in one to break it."""

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
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",\
URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,CODECS="avc1.64001f,mp4a.40.2",\
RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="a"
360p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=400000,CODECS="avc1.64001e,mp4a.40.2",\
RESOLUTION=320x180,FRAME-RATE=30.000,AUDIO="a"
180p/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,CODECS="avc1.64001f",RESOLUTION=640x360,\
URI="360p/iframes.m3u8"
"""

# With the sound as a variant of its own.
AUDIO_ONLY = MULTIVARIANT.replace("30.000,AUDIO", "30.000,CLOSED-CAPTIONS=NONE,AUDIO") + """\
#EXT-X-STREAM-INF:BANDWIDTH=140000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2",\
CLOSED-CAPTIONS=NONE,AUDIO="a"
audio/index.m3u8
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
    ("PT-11", "#EXTINF:2.00000,\ns11.m4s\n", '#EXT-X-PART:DURATION=0.2,URI="p1.m4s"\n'
     "#EXTINF:2.00000,\ns11.m4s\n" + "".join(
         f"#EXTINF:2.00000,\nmore{n}.m4s\n" for n in range(3))),
    ("PL-19", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-START:TIME-OFFSET=-5.9\n"),
    ("PL-19", "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-START:TIME-OFFSET=4.0\n"),
    ("SC-09", "#EXTINF:2.00000,\ns11", "".join(
        f"#EXTINF:2.00000,\nlong{n}.m4s\n" for n in range(60)) + "#EXTINF:2.00000,\ns11"),
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
# What stands in GOOD in front of "#EXT-X-MEDIA-SEQUENCE", for a rule that it breaks.
_RANGE = '#EXT-X-DATERANGE:ID="ad",CLASS="c",START-DATE="2026-05-01T12:00:01.000Z"'
_END = 'END-DATE="2026-05-01T12:00:04.000Z"'
GOOD_DATE_RANGES = [f"{_RANGE},DURATION=3.0,{_END}", f"{_RANGE},END-ON-NEXT=YES",
                    f'{_RANGE},DURATION=3.0\n#EXT-X-DATERANGE:ID="ad",X-MORE="1",DURATION=3.0']
BAD_DATE_RANGES = [
    f"{_RANGE},DURATION=2.0,{_END}", f"{_RANGE},DURATION=3.0,END-ON-NEXT=YES",
    _RANGE.replace('CLASS="c",', "") + ",END-ON-NEXT=YES", f"{_RANGE},END-ON-NEXT=NO",
    '#EXT-X-DATERANGE:ID="ad",DURATION=3.0', f'{_RANGE},END-DATE="2026-05-01T12:00:00.500Z"',
    f'{_RANGE},DURATION=3.0\n#EXT-X-DATERANGE:ID="ad",DURATION=4.0']
# LATER with another map behind its edge.
OTHER_MAP = GOOD.replace('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p35.m4s"', """\
#EXTINF:0.40000,
s13.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-14.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:06.000Z
#EXT-X-PART:DURATION=0.2,URI="p35.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p36.m4s\"""")
MAP_HINT = '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="init-14.mp4"\n#EXT-X-RENDITION'
VARIANTS = [
    ("MV-01", "BANDWIDTH=900000,A", "A"), ("MV-02", "AVERAGE-BANDWIDTH=800000,", ""),
    ("MV-04", "AVERAGE-BANDWIDTH=800000", "AVERAGE-BANDWIDTH=1000000"),
    ("MV-05", 'CODECS="avc1.64001f,mp4a.40.2",', ""), ("MV-06", ",mp4a.40.2", ""),
    ("MV-08", "RESOLUTION=640x360,", ""), ("MV-10", "FRAME-RATE=30.000,", ""),
    ("MV-11", "30.000", "29.97003"), ("MV-12", 'AUDIO="a"', 'AUDIO="b"'),
    ("MV-13", "AUTOSELECT=YES", "AUTOSELECT=NO"), ("MV-16", 'CHANNELS="2",', ""),
    ("SYN-05", "#EXTM3U\n", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"),
    ("SYN-09", "360p/index.m3u8\n", ""),
    ("MV-13", 'TYPE=AUDIO,GROUP-ID="a"', 'TYPE=SUBTITLES,GROUP-ID="a"'),
    ("MV-13", 'TYPE=AUDIO,GROUP-ID="a"', 'TYPE=CLOSED-CAPTIONS,GROUP-ID="a"'),
    ("MV-13", "AUTOSELECT=YES", "AUTOSELECT=YES,FORCED=YES"),
    ("MV-14", "#EXT-X-STREAM-INF:BANDWIDTH=9", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="main",'
     'LANGUAGE="de",CHANNELS="2",URI="b.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=9'),
    ("MV-14", "#EXT-X-STREAM-INF:BANDWIDTH=9", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="b",'
     'DEFAULT=YES,LANGUAGE="de",CHANNELS="2",URI="b.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=9'),
    ("MV-15", 'LANGUAGE="en",', ""), ("MV-22", "BANDWIDTH=500000", "SCORE=2,BANDWIDTH=500000"),
    ("MV-20", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-OTHER"),
    ("MV-20", 'BANDWIDTH=90000,CODECS="avc1.64001f"', "BANDWIDTH=90000"),
    ("MV-23", "BANDWIDTH=500000", "BANDWIDTH=900000"),
    ("SYN-10", 'BANDWIDTH=90000,', ""),
]
SOUND_VARIANT = [
    ("MV-21", '40.2",CLOSED-CAPTIONS=NONE', '40.2"'),
    ("MV-12", 'NONE,AUDIO="a"\naudio', 'NONE,AUDIO="b"\naudio'),
]
# Rule, fault of the mock, and the probe that finds it. One run serves all rules of a fault.
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
    ("BR-11", "lax_numbers", "probe_blocking"), ("BR-12", "strict_arguments", "probe_blocking"),
    ("BR-13", "staggered", "probe_blocking"), ("HINT-09", "unknown_200", "probe_unknown"),
    ("HTTP-05", "no_vary", "probe_playlist_http"),
    ("HTTP-09", "no_cache_control", "probe_playlist_http"),
    ("HTTP-10", "long_404", "probe_unknown"), ("HTTP-13", "no_length", "probe_head"),
    ("HTTP-14", "no_date", "probe_playlist_http"), ("HTTP-16", "closes", "probe_head"),
    ("HTTP-19", "put_200", "probe_unknown"), ("HTTP-20", "forgets_nobody", "probe_abort"),
    ("HTTP-21", "gzip_media", "probe_media_http"), ("SEG-06", "changing", "probe_media_http"),
    ("HTTP-17", "no_http2", "probe_http2"), ("HTTP-17", "no_ping", "probe_http2"),
    ("HTTP-17", "head_of_line", "probe_http2"), ("HTTP-17", "cancel_closes", "probe_http2"),
    ("HTTP-23", "media_first", "probe_media_http"), ("HTTP-24", "no_host", "probe_host"),
    ("HTTP-25", "old_modified", "probe_playlist_http"),
]
# Rule and fault that show while a stream is followed.
FOLLOWED = [
    ("BR-02", "early"), ("HINT-04", "hint_404"), ("HINT-05", "trickle"), ("SEG-03", "tfdt_hole"),
    ("PT-04", "long_sample"), ("PT-07", "other_segment"), ("CMAF-01", "old_brand"),
    ("CMAF-03", "mvhd_duration"), ("CMAF-08", "no_base_moof"), ("CMAF-11", "bad_offset"),
    ("CMAF-13", "bad_sync"), ("PT-13", "drop_parts"), ("SEG-02", "drop_segments"),
    ("HTTP-06", "no_cors"), ("PL-17", "slow_samples"), ("SEG-07", "slow_samples"),
    ("PL-22", "no_idr"), ("SEG-04", "no_idr"), ("SEG-05", "no_idr"), ("PT-09", "no_idr"),
    ("PL-24", "old_dates"), ("PT-06", "other_samples"), ("PT-16", "p_404"), ("SEG-01", "s_404"),
    ("HINT-06", "other_hint"), ("HINT-07", "late_hint"), ("BR-03", "timer_tick"),
    ("XR-02", "shifted"), ("XR-08", "shifted"), ("HTTP-18", "redirects"), ("MV-20", "all_frames"),
    ("MV-18", "pq"), ("CMAF-18", "other_rate"),
]
# Rule, and what is replaced in one rendition of two by what.
RENDITIONS = [
    ("PL-04", "#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:3"),
    ("SC-07", "PART-HOLD-BACK=0.6", "PART-HOLD-BACK=0.7"),
    ("SC-03", "PART-TARGET=0.2", "PART-TARGET=0.21334"),
    ("XR-03", "T12:00:", "T12:01:"),
    ("XR-04", "DISCONTINUITY-SEQUENCE:3", "DISCONTINUITY-SEQUENCE:2"),
    ("XR-07", "T12:00:", "T12:01:"),
]
# Rule, and an edit of the video playlist as it is served.
REPORTS = [
    ("RR-01", lambda text: text.replace("#EXT-X-RENDITION-REPORT", "#EXT-X-OTHER")),
    ("RR-02", lambda text: text.replace("../audio", "http://127.0.0.1/live/mock/audio")),
    ("RR-03", lambda text: text.replace("LAST-MSN=1", "LAST-MSN=")),
    ("RR-04", lambda text: text + text[text.index("#EXT-X-RENDITION-REPORT"):]),
    ("PT-08", lambda text: text.replace(",INDEPENDENT=YES", "")),
    ("PT-09", lambda text: text.replace('.m4s"\n', '.m4s",INDEPENDENT=YES\n')),
    ("PL-18", lambda text: text.replace("#EXT-X-MAP", "#EXT-X-BITRATE:900\n#EXT-X-MAP")),
]
# Rules, and an edit of the multivariant playlist that breaks them all.
DECLARED = [
    (("MV-03", "MV-04"), lambda text: text.replace("BANDWIDTH=1", "BANDWIDTH=")),
    (("MV-06", "MV-07", "MV-09", "MV-11", "MV-24"), lambda text: text.replace(
        "BANDWIDTH=1", "BANDWIDTH=10").replace("64001f", "640028").replace(
        "mp4a.40.2", "mp4a.40.2,ec-3").replace("640x360", "640x480").replace("25.000", "30.000")),
    (("MV-19",), lambda text: text.replace("180p/", "90p/")),
]
