"""HLS playlists as values (draft-pantos-hls-rfc8216bis-22), with every syntax fault noted.

The parser never gives up on a fault: it notes it in `faults` as (rule, message) and reads on, so
that one fault does not hide the next.
"""
import dataclasses
import datetime
import re
from decimal import Decimal, InvalidOperation
from typing import Optional

_NUMBER = re.compile(r"^\d+$")
_FLOAT = re.compile(r"^\d+(\.\d+)?$")
_SIGNED = re.compile(r"^-?\d+(\.\d+)?$")
_RANGE = re.compile(r"^\d+(@\d+)?$")
_RESOLUTION = re.compile(r"^\d+x\d+$")
_ENUMERATED = re.compile(r'^[^",\s]+$')
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^",]*|)(,|$)')

# Attribute types by tag (SYN-04): q quoted, i integer, f float, s signed float, e enumerated,
# r quoted byte range, x resolution.
TYPES = {
    "EXT-X-PART": {"URI": "q", "DURATION": "f", "INDEPENDENT": "e", "BYTERANGE": "r", "GAP": "e"},
    "EXT-X-PRELOAD-HINT": {"TYPE": "e", "URI": "q", "BYTERANGE-START": "i",
                           "BYTERANGE-LENGTH": "i"},
    "EXT-X-RENDITION-REPORT": {"URI": "q", "LAST-MSN": "i", "LAST-PART": "i"},
    "EXT-X-MAP": {"URI": "q", "BYTERANGE": "r"},
    "EXT-X-SERVER-CONTROL": {"CAN-BLOCK-RELOAD": "e", "PART-HOLD-BACK": "f", "HOLD-BACK": "f",
                             "CAN-SKIP-UNTIL": "f", "CAN-SKIP-DATERANGES": "e"},
    "EXT-X-PART-INF": {"PART-TARGET": "f"},
    "EXT-X-SKIP": {"SKIPPED-SEGMENTS": "i", "RECENTLY-REMOVED-DATERANGES": "q"},
    "EXT-X-STREAM-INF": {"BANDWIDTH": "i", "AVERAGE-BANDWIDTH": "i", "CODECS": "q",
                         "RESOLUTION": "x", "FRAME-RATE": "f", "AUDIO": "q", "VIDEO": "q",
                         "SUBTITLES": "q", "VIDEO-RANGE": "e", "SCORE": "f", "NAME": "q"},
    "EXT-X-MEDIA": {"TYPE": "e", "URI": "q", "GROUP-ID": "q", "LANGUAGE": "q", "NAME": "q",
                    "DEFAULT": "e", "AUTOSELECT": "e", "FORCED": "e", "CHANNELS": "q",
                    "SAMPLE-RATE": "i", "BIT-DEPTH": "i", "INSTREAM-ID": "q",
                    "CHARACTERISTICS": "q"},
    "EXT-X-I-FRAME-STREAM-INF": {"BANDWIDTH": "i", "AVERAGE-BANDWIDTH": "i", "CODECS": "q",
                                 "RESOLUTION": "x", "VIDEO": "q", "VIDEO-RANGE": "e", "URI": "q"},
    "EXT-X-DATERANGE": {"ID": "q", "CLASS": "q", "START-DATE": "q", "END-DATE": "q",
                        "DURATION": "f", "PLANNED-DURATION": "f", "END-ON-NEXT": "e", "CUE": "q"},
    "EXT-X-START": {"TIME-OFFSET": "s", "PRECISE": "e"},
}
REQUIRED = {
    "EXT-X-PART": ("URI", "DURATION"), "EXT-X-PRELOAD-HINT": ("TYPE", "URI"),
    "EXT-X-MAP": ("URI",), "EXT-X-MEDIA": ("TYPE", "GROUP-ID", "NAME"),
    "EXT-X-PART-INF": ("PART-TARGET",), "EXT-X-SKIP": ("SKIPPED-SEGMENTS",),
    "EXT-X-RENDITION-REPORT": ("URI",), "EXT-X-DATERANGE": ("ID",),
    "EXT-X-I-FRAME-STREAM-INF": ("URI", "BANDWIDTH"), "EXT-X-START": ("TIME-OFFSET",),
}
_SHAPES = {"q": re.compile(r'^"[^"]*"$'), "i": _NUMBER, "f": _FLOAT, "s": _SIGNED,
           "e": _ENUMERATED, "r": re.compile(r'^"\d+(@\d+)?"$'), "x": _RESOLUTION}
ONCE = ("EXTM3U", "EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-SERVER-CONTROL",
        "EXT-X-PART-INF", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
        "EXT-X-PLAYLIST-TYPE", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-ENDLIST", "EXT-X-SKIP",
        "EXT-X-START", "EXT-X-I-FRAMES-ONLY")
MEDIA_TAGS = ("EXTINF", "EXT-X-TARGETDURATION", "EXT-X-PART", "EXT-X-MEDIA-SEQUENCE",
              "EXT-X-SERVER-CONTROL", "EXT-X-PART-INF", "EXT-X-MAP")
MULTIVARIANT_TAGS = ("EXT-X-MEDIA", "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF",
                     "EXT-X-SESSION-DATA", "EXT-X-SESSION-KEY", "EXT-X-CONTENT-STEERING")


@dataclasses.dataclass
class Part:
    uri: str
    duration: Decimal
    independent: bool
    gap: bool
    msn: int = -1
    index: int = -1
    byte_range: Optional[str] = None  # As BYTERANGE says it.


@dataclasses.dataclass
class Segment:
    msn: int
    discontinuity_sequence: int
    uri: Optional[str] = None
    duration: Optional[Decimal] = None
    discontinuity: bool = False
    map_uri: Optional[str] = None
    pdt: Optional[float] = None  # As the playlist says it of this segment.
    pdt_text: str = ""
    gap: bool = False
    byte_range: Optional[str] = None  # As EXT-X-BYTERANGE says it.
    bit_rate: Optional[int] = None  # kbit/s by EXT-X-BITRATE.
    parts: list = dataclasses.field(default_factory=list)

    def identity(self):
        """What must never change of a listed segment (PL-06)."""
        return (self.uri, self.duration, self.map_uri, self.discontinuity, self.gap, self.pdt_text,
                self.byte_range)


@dataclasses.dataclass
class MediaPlaylist:
    text: str
    faults: list = dataclasses.field(default_factory=list)
    version: int = 1
    target_duration: Optional[int] = None
    server_control: Optional[dict] = None
    part_target: Optional[Decimal] = None
    msn: int = 0
    discontinuity_sequence: int = 0
    has_discontinuity_sequence: bool = False
    independent_segments: bool = False
    playlist_type: Optional[str] = None
    endlist: bool = False
    i_frames_only: bool = False
    encrypted: bool = False
    skipped: int = 0
    removed_date_ranges: Optional[str] = None  # RECENTLY-REMOVED-DATERANGES of EXT-X-SKIP.
    start: Optional[dict] = None
    date_ranges: list = dataclasses.field(default_factory=list)  # Attributes of each tag.
    segments: list = dataclasses.field(default_factory=list)  # Complete ones.
    open: Optional[Segment] = None  # The one whose parts are listed without its URI.
    hints: list = dataclasses.field(default_factory=list)
    reports: list = dataclasses.field(default_factory=list)
    tags: list = dataclasses.field(default_factory=list)

    @property
    def last_complete(self):
        """MSN of the last complete segment; one less than the first where there is none."""
        return self.segments[-1].msn if self.segments else self.msn + self.skipped - 1

    def edge(self):
        """(MSN, part index) of the newest part listed, or None."""
        if self.open and self.open.parts:
            return (self.open.msn, len(self.open.parts) - 1)
        if self.segments and self.segments[-1].parts:
            return (self.segments[-1].msn, len(self.segments[-1].parts) - 1)
        return None

    def edge_date(self):
        """Program date of the end of the newest part, or None."""
        dated = [s for s in self.segments + ([self.open] if self.open else []) if s.pdt is not None]
        if not dated:
            return None
        after = sum(float(s.duration) for s in self.segments if s.msn >= dated[-1].msn)
        after += sum(float(p.duration) for p in self.open.parts) if self.open else 0.0
        return dated[-1].pdt + after

    def window(self):
        """(program date of the first segment's begin, of the edge), as far as dates say it."""
        before = 0.0
        for segment in self.segments + ([self.open] if self.open else []):
            if segment.pdt is not None:
                return segment.pdt - before, self.edge_date()
            before += float(segment.duration or 0)
        return None, None

    def parts(self):
        for segment in self.segments + ([self.open] if self.open else []):
            yield from segment.parts


def attributes(tag, value, faults):
    """The attribute list of a tag: names to values without quotes. Notes SYN-03, SYN-04, SYN-10."""
    found, position = {}, 0
    while position < len(value):
        match = _ATTRIBUTE.match(value, position)
        if not match:
            faults.append(("SYN-03", f"{tag}: attribute list broken at {value[position:][:40]!r}"))
            break
        name, raw = match.group(1), match.group(2)
        if name in found:
            faults.append(("SYN-03", f"{tag}: {name} twice"))
        shape = TYPES.get(tag, {}).get(name)
        if shape and not _SHAPES[shape].match(raw):
            faults.append(("SYN-04", f"{tag}: {name}={raw} has the wrong type"))
            if shape in "ifsx":  # No number at all: as if it were not there.
                position = match.end()
                continue
        found[name] = raw[1:-1] if raw.startswith('"') else raw
        position = match.end()
    for name in REQUIRED.get(tag, ()):
        if name not in found:
            faults.append(("SYN-10", f"{tag} without {name}"))
    return found


def _lines(text, faults):
    if text.startswith("\ufeff"):
        faults.append(("SYN-02", "byte order mark"))
        text = text[1:]
    if re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text):
        faults.append(("SYN-02", "control character"))
    lines = text.split("\n")
    if not text.endswith("\n"):
        faults.append(("SYN-09", "the last line has no end"))
    lines = [line.rstrip("\r") for line in lines]
    if lines[0] != "#EXTM3U":
        faults.append(("SYN-01", f"first line is {lines[0][:40]!r}"))
    return lines


def _count_once(tags, faults):
    for tag in ONCE:
        if tags.count(tag) > 1:
            faults.append(("SYN-08" if tag != "EXT-X-VERSION" else "SYN-06",
                           f"{tag} occurs {tags.count(tag)} times"))


def _decimal(value, what, faults):
    try:
        if not _FLOAT.match(value):
            raise InvalidOperation
        return Decimal(value)
    except InvalidOperation:
        faults.append(("SYN-04", f"{what}: {value!r} is no decimal number"))
        return Decimal(0)


def _integer(value, what, faults):
    if _NUMBER.match(value):
        return int(value)
    faults.append(("SYN-04", f"{what}: {value!r} is no integer"))
    return 0


def parse_date(text):
    """Seconds since the epoch of an ISO 8601 date, or None."""
    try:
        date = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.timezone.utc)
    return date.timestamp()


class _MediaReader:
    """Reads a media playlist line by line; `pending` gathers what the next segment is told."""

    def __init__(self, text):
        self.playlist = MediaPlaylist(text)
        self.faults = self.playlist.faults
        self.pending = None
        self.map_uri = None
        self.bit_rate = None
        self.next_msn = 0
        self.dseq = 0
        self.started = False

    def segment(self):
        if self.pending is None:
            if not self.started:
                self.started = True
                self.next_msn = self.playlist.msn + self.playlist.skipped
                self.dseq = self.playlist.discontinuity_sequence
            self.pending = Segment(self.next_msn, self.dseq, map_uri=self.map_uri)
        return self.pending

    def late(self, tag):
        if self.pending and self.pending.parts:
            self.faults.append(("PT-10", f"{tag} of {self.pending.msn} after its first part"))

    def read(self):
        lines = _lines(self.playlist.text, self.faults)
        for line in lines:
            if line.startswith("#EXT"):
                tag, _, value = line[1:].partition(":")
                self.playlist.tags.append(tag)
                self.tag(tag, value)
            elif line and not line.startswith("#"):
                self.uri(line)
        if self.pending and self.pending.duration is not None:
            self.faults.append(("SYN-09", "EXTINF without its URI"))
        if self.pending and self.pending.parts:
            self.playlist.open = self.pending
        _count_once(self.playlist.tags, self.faults)
        return self.playlist

    def uri(self, line):
        segment = self.segment()
        if segment.duration is None:
            self.faults.append(("SYN-09", f"URI {line} without EXTINF"))
            segment.duration = Decimal(0)
        segment.uri, segment.bit_rate = line, self.bit_rate
        self.playlist.segments.append(segment)
        self.pending = None
        self.next_msn += 1

    def tag(self, tag, value):
        handler = getattr(self, tag.lower().replace("-", "_"), None)
        if handler:
            handler(tag, value)
        elif tag in MULTIVARIANT_TAGS:
            self.faults.append(("SYN-05", f"{tag} in a media playlist"))

    def extinf(self, tag, value):
        number, comma, _ = value.partition(",")
        if not comma:
            self.faults.append(("SYN-04", f"EXTINF:{value} without its comma"))
        self.segment().duration = _decimal(number, tag, self.faults)

    def ext_x_version(self, tag, value):
        self.playlist.version = _integer(value, tag, self.faults)

    def ext_x_targetduration(self, tag, value):
        self.playlist.target_duration = _integer(value, tag, self.faults)

    def ext_x_server_control(self, tag, value):
        self.playlist.server_control = attributes(tag, value, self.faults)

    def ext_x_part_inf(self, tag, value):
        found = attributes(tag, value, self.faults)
        if "PART-TARGET" in found:
            self.playlist.part_target = _decimal(found["PART-TARGET"], tag, self.faults)

    def ext_x_media_sequence(self, tag, value):
        if self.started:
            self.faults.append(("PL-08", f"{tag} after the first segment"))
        self.playlist.msn = _integer(value, tag, self.faults)

    def ext_x_discontinuity_sequence(self, tag, value):
        if self.started:
            self.faults.append(("PL-08", f"{tag} after the first segment"))
        self.playlist.has_discontinuity_sequence = True
        self.playlist.discontinuity_sequence = _integer(value, tag, self.faults)

    def ext_x_independent_segments(self, _tag, _value):
        self.playlist.independent_segments = True

    def ext_x_playlist_type(self, _tag, value):
        self.playlist.playlist_type = value

    def ext_x_endlist(self, _tag, _value):
        self.playlist.endlist = True

    def ext_x_skip(self, tag, value):
        if self.started:
            self.faults.append(("DU-05", "EXT-X-SKIP after the first segment"))
        if "EXT-X-MEDIA-SEQUENCE" not in self.playlist.tags:
            self.faults.append(("DU-05", "EXT-X-SKIP before EXT-X-MEDIA-SEQUENCE"))
        found = attributes(tag, value, self.faults)
        self.playlist.skipped = _integer(found.get("SKIPPED-SEGMENTS", ""), tag, self.faults)
        self.playlist.removed_date_ranges = found.get("RECENTLY-REMOVED-DATERANGES")

    def ext_x_start(self, tag, value):
        self.playlist.start = attributes(tag, value, self.faults)

    def ext_x_i_frames_only(self, _tag, _value):
        self.playlist.i_frames_only = True

    def ext_x_key(self, tag, value):
        self.late(tag)
        if attributes(tag, value, self.faults).get("METHOD") != "NONE":
            self.playlist.encrypted = True

    def ext_x_daterange(self, tag, value):
        self.playlist.date_ranges.append(attributes(tag, value, self.faults))

    def ext_x_bitrate(self, tag, value):
        self.bit_rate = _integer(value, tag, self.faults)

    def ext_x_byterange(self, tag, value):
        if not _RANGE.match(value):
            self.faults.append(("SYN-04", f"{tag}: {value!r} is no byte range"))
        self.segment().byte_range = value

    def ext_x_discontinuity(self, tag, _value):
        self.late(tag)
        segment = self.segment()
        segment.discontinuity = True
        self.dseq += 1
        segment.discontinuity_sequence = self.dseq

    def ext_x_map(self, tag, value):
        self.late(tag)
        self.map_uri = attributes(tag, value, self.faults).get("URI")
        self.segment().map_uri = self.map_uri

    def ext_x_program_date_time(self, tag, value):
        self.late(tag)
        segment = self.segment()
        segment.pdt, segment.pdt_text = parse_date(value), value
        if segment.pdt is None:
            self.faults.append(("SYN-04", f"{tag}: {value!r} is no date"))

    def ext_x_gap(self, _tag, _value):
        self.segment().gap = True

    def ext_x_part(self, tag, value):
        found = attributes(tag, value, self.faults)
        segment = self.segment()
        segment.parts.append(Part(found.get("URI", ""),
                                  _decimal(found.get("DURATION", ""), tag, self.faults),
                                  found.get("INDEPENDENT") == "YES", found.get("GAP") == "YES",
                                  segment.msn, len(segment.parts), found.get("BYTERANGE")))

    def ext_x_preload_hint(self, tag, value):
        self.playlist.hints.append(attributes(tag, value, self.faults))

    def ext_x_rendition_report(self, tag, value):
        self.playlist.reports.append(attributes(tag, value, self.faults))


def parse_media(text):
    return _MediaReader(text).read()


@dataclasses.dataclass
class Multivariant:
    text: str
    faults: list = dataclasses.field(default_factory=list)
    independent_segments: bool = False
    variants: list = dataclasses.field(default_factory=list)  # Attributes and "URI".
    media: list = dataclasses.field(default_factory=list)
    i_frames: list = dataclasses.field(default_factory=list)  # Attributes.

    def playlists(self):
        """URIs of every media playlist named, in order, once each."""
        named = [variant["URI"] for variant in self.variants]
        named += [media["URI"] for media in self.media if media.get("URI")]
        return list(dict.fromkeys(named))


def parse_multivariant(text):
    result = Multivariant(text)
    tags, pending = [], None
    for line in _lines(text, result.faults):
        if line.startswith("#EXT"):
            tag, _, value = line[1:].partition(":")
            tags.append(tag)
            if pending is not None:
                result.faults.append(("SYN-09", "EXT-X-STREAM-INF without its URI"))
                pending = None
            if tag == "EXT-X-STREAM-INF":
                pending = attributes(tag, value, result.faults)
            elif tag == "EXT-X-MEDIA":
                result.media.append(attributes(tag, value, result.faults))
            elif tag == "EXT-X-I-FRAME-STREAM-INF":
                result.i_frames.append(attributes(tag, value, result.faults))
            elif tag == "EXT-X-INDEPENDENT-SEGMENTS":
                result.independent_segments = True
            elif tag in MEDIA_TAGS:
                result.faults.append(("SYN-05", f"{tag} in a multivariant playlist"))
        elif line and not line.startswith("#") and pending is not None:
            result.variants.append({**pending, "URI": line})
            pending = None
    if pending is not None:
        result.faults.append(("SYN-09", "EXT-X-STREAM-INF without its URI"))
    _count_once(tags, result.faults)
    return result
