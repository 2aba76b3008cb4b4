"""Fragmented MP4 as far as the checks need it (ISO/IEC 14496-12, 23000-19)."""
import dataclasses
import struct
from typing import Optional

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"dinf",
              b"edts"}


class BrokenBox(Exception):
    """Sizes that do not add up (CMAF-10)."""


@dataclasses.dataclass
class Box:
    kind: bytes
    start: int  # Of the box in the file.
    body: bytes
    size: int

    def children(self, skip=0):
        return list(boxes(self.body[skip:], self.start + self.size - len(self.body) + skip))

    def find(self, *path):
        """The first box along the path, or None."""
        box = self
        for kind in path:
            box = next((child for child in box.children() if child.kind == kind), None)
            if box is None:
                return None
        return box

    def all(self, kind):
        return [child for child in self.children() if child.kind == kind]


def boxes(data, base=0):
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            raise BrokenBox(f"{len(data) - position} stray bytes at {base + position}")
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            size = struct.unpack_from(">Q", data, position + 8)[0]
            header = 16
        elif size == 0:
            size = len(data) - position
        if size < header or position + size > len(data):
            raise BrokenBox(f"box {kind!r} of {size} bytes at {base + position}")
        yield Box(kind, base + position, data[position + header:position + size], size)
        position += size


@dataclasses.dataclass
class Track:
    track_id: int
    handler: str = ""
    timescale: int = 0
    entry: str = ""  # Sample entry: avc1, mp4a, …
    width: int = 0
    height: int = 0
    codec: str = ""
    transfer: Optional[int] = None  # Transfer characteristics by `colr`.
    sample_rate: int = 0  # Of the sample entry.
    default_duration: int = 0
    default_size: int = 0
    default_flags: int = 0
    media_time: int = 0  # Of the edit list.


@dataclasses.dataclass
class Init:
    brands: list
    tracks: dict
    faults: list


@dataclasses.dataclass
class Sample:
    duration: int
    size: int
    flags: int
    composition_offset: int
    dts: int = 0
    data: bytes = b""

    @property
    def sync(self):
        return not self.flags & 0x10000

    def same_as(self, other):
        return (self.duration, self.size, self.flags, self.composition_offset, self.dts,
                self.data) == (other.duration, other.size, other.flags, other.composition_offset,
                               other.dts, other.data)


@dataclasses.dataclass
class Chunk:
    sequence: int
    track_id: int
    tfdt: int
    samples: list

    @property
    def end(self):
        return self.tfdt + sum(sample.duration for sample in self.samples)


def _avc_codec(box):
    avcc = next((c for c in box.children(78) if c.kind == b"avcC"), None)
    return "avc1.%02X%02X%02X" % tuple(avcc.body[1:4]) if avcc else ""


def _transfer(entry):
    """Transfer characteristics of a visual sample entry, or None."""
    colr = next((c for c in entry.children(78) if c.kind == b"colr"), None)
    if colr is None or colr.body[:4] != b"nclx":
        return None
    return struct.unpack_from(">H", colr.body, 6)[0]


def _check_references(minf, faults):
    dref = minf.find(b"dinf", b"dref")
    entries = list(boxes(dref.body[8:])) if dref else []
    if not entries or any(not entry.body[3] & 1 for entry in entries):
        faults.append(("CMAF-09", "no data reference to the file itself, or one to another"))


def _track(trak, faults):
    tkhd, mdhd = trak.find(b"tkhd"), trak.find(b"mdia", b"mdhd")
    version = tkhd.body[0]
    track = Track(struct.unpack_from(">I", tkhd.body, 20 if version else 12)[0])
    duration = struct.unpack_from(">Q", tkhd.body, 28)[0] if version else \
        struct.unpack_from(">I", tkhd.body, 20)[0]
    if duration:
        faults.append(("CMAF-03", f"tkhd duration {duration}"))
    track.timescale = struct.unpack_from(">I", mdhd.body, 20 if mdhd.body[0] else 12)[0]
    track.handler = trak.find(b"mdia", b"hdlr").body[8:12].decode("ascii", "replace")
    stbl = trak.find(b"mdia", b"minf", b"stbl")
    _check_references(trak.find(b"mdia", b"minf"), faults)
    entry = next(boxes(stbl.find(b"stsd").body[8:]), None)
    if entry is None:
        faults.append(("CMAF-02", "stsd without an entry"))
        return track
    track.entry = entry.kind.decode("ascii", "replace")
    if track.handler == "vide":
        track.width, track.height = struct.unpack_from(">HH", entry.body, 24)
        track.transfer = _transfer(entry)
    elif track.handler == "soun":
        track.sample_rate = struct.unpack_from(">I", entry.body, 24)[0] >> 16
    if track.entry == "avc1":
        track.codec = _avc_codec(entry)
    for kind in (b"stts", b"stsc", b"stco"):
        table = stbl.find(kind)
        if table and struct.unpack_from(">I", table.body, 4)[0]:
            faults.append(("CMAF-03", f"{kind.decode()} has entries"))
    elst = trak.find(b"edts", b"elst")
    if elst and struct.unpack_from(">I", elst.body, 4)[0] == 1:
        track.media_time = struct.unpack_from(">q", elst.body, 16)[0] if elst.body[0] else \
            struct.unpack_from(">i", elst.body, 12)[0]
    elif elst:
        faults.append(("CMAF-17", "edit list with more than one entry"))
    return track


def parse_init(data):
    faults, top = [], list(boxes(data))
    kinds = [box.kind for box in top]
    brands = []
    if not kinds or kinds[0] != b"ftyp":
        faults.append(("CMAF-01", f"first box is {kinds[:1]}"))
    else:
        body = top[0].body
        brands = [body[i:i + 4].decode("ascii", "replace")
                  for i in [0] + list(range(8, len(body), 4))]
        if not any(b in ("iso6", "iso7", "iso8", "iso9", "isoa", "isob", "isoc") or
                   b.startswith("cmf") for b in brands):
            faults.append(("CMAF-01", f"no brand of iso6 or higher in {brands}"))
    if b"moof" in kinds or b"mdat" in kinds:
        faults.append(("CMAF-05", "media in the init segment"))
    moov = next((box for box in top if box.kind == b"moov"), None)
    if moov is None:
        return Init(brands, {}, faults + [("CMAF-02", "no moov")])
    mvhd = moov.find(b"mvhd")
    duration = struct.unpack_from(">Q", mvhd.body, 24)[0] if mvhd.body[0] else \
        struct.unpack_from(">I", mvhd.body, 16)[0]
    if duration:
        faults.append(("CMAF-03", f"mvhd duration {duration}"))
    tracks = {t.track_id: t for t in (_track(trak, faults) for trak in moov.all(b"trak"))}
    mvex = moov.find(b"mvex")
    extends = {}
    for trex in mvex.all(b"trex") if mvex else []:
        values = struct.unpack_from(">IIIII", trex.body, 4)
        extends[values[0]] = values
    for track in tracks.values():
        if track.track_id not in extends:
            faults.append(("CMAF-04", f"no trex for track {track.track_id}"))
            continue
        _, _, track.default_duration, track.default_size, track.default_flags = \
            extends[track.track_id]
    return Init(brands, tracks, faults)


def _run(trun, track, defaults, faults):
    flags = struct.unpack_from(">I", trun.body, 0)[0] & 0xFFFFFF
    version = trun.body[0]
    count, position = struct.unpack_from(">I", trun.body, 4)[0], 8
    offset, first_flags = None, None
    if flags & 0x1:
        offset = struct.unpack_from(">i", trun.body, position)[0]
        position += 4
    else:
        faults.append(("CMAF-11", "trun without data_offset"))
    if flags & 0x4:
        first_flags = struct.unpack_from(">I", trun.body, position)[0]
        position += 4
    samples = []
    for index in range(count):
        duration, size, sample_flags, composition = *defaults, 0
        for bit, name in ((0x100, "d"), (0x200, "s"), (0x400, "f"), (0x800, "c")):
            if not flags & bit:
                continue
            form = ">i" if name == "c" and version else ">I"
            value = struct.unpack_from(form, trun.body, position)[0]
            position += 4
            if name == "d":
                duration = value
            elif name == "s":
                size = value
            elif name == "f":
                sample_flags = value
            else:
                composition = value
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        samples.append(Sample(duration, size, sample_flags, composition))
    return offset, samples


def _fragment(moof, mdat, tracks, faults):
    mfhd, trafs = moof.find(b"mfhd"), moof.all(b"traf")
    if len(trafs) != 1:
        faults.append(("CMAF-14", f"{len(trafs)} tracks in a chunk"))
    traf = trafs[0]
    tfhd, tfdt = traf.find(b"tfhd"), traf.find(b"tfdt")
    flags = struct.unpack_from(">I", tfhd.body, 0)[0] & 0xFFFFFF
    track_id, position = struct.unpack_from(">I", tfhd.body, 4)[0], 8
    if not flags & 0x20000 or flags & 0x1:
        faults.append(("CMAF-08", f"tfhd flags {flags:#x}"))
    track = tracks.get(track_id)
    if track is None:
        faults.append(("CMAF-02", f"track {track_id} is not in the init segment"))
        track = Track(track_id)
    defaults = [track.default_duration, track.default_size, track.default_flags]
    for bit, width, slot in ((0x1, 8, None), (0x2, 4, None), (0x8, 4, 0), (0x10, 4, 1),
                             (0x20, 4, 2)):
        if flags & bit:
            if slot is not None:
                defaults[slot] = struct.unpack_from(">I", tfhd.body, position)[0]
            position += width
    if tfdt is None:
        faults.append(("CMAF-07", "no tfdt"))
        decode_time = 0
    else:
        decode_time = struct.unpack_from(">Q" if tfdt.body[0] else ">I", tfdt.body, 4)[0]
    samples, total = [], 0
    payload_start = mdat.start + mdat.size - len(mdat.body)
    for trun in traf.all(b"trun"):
        offset, run = _run(trun, track, defaults, faults)
        expected = payload_start + total
        if offset is not None and moof.start + offset != expected:
            faults.append(("CMAF-11", f"data_offset points to {moof.start + offset}, "
                                      f"the data is at {expected}"))
        for sample in run:
            sample.data = mdat.body[total:total + sample.size]
            total += sample.size
        samples += run
    if total != len(mdat.body):
        faults.append(("CMAF-11", f"samples are {total} bytes, mdat has {len(mdat.body)}"))
    dts = decode_time
    for sample in samples:
        sample.dts = dts
        dts += sample.duration
    return Chunk(struct.unpack_from(">I", mfhd.body, 4)[0], track_id, decode_time, samples)


def _check_beside(box, data, tracks, faults):
    """CMAF-20: what stands beside moof and mdat."""
    if box.start == 0 and box.kind not in (b"styp", b"prft", b"emsg", b"sidx", b"moof"):
        faults.append(("CMAF-20", f"it starts with {box.kind!r}"))
    if box.kind == b"styp" and (len(box.body) < 8 or len(box.body) % 4):
        faults.append(("CMAF-20", f"styp of {len(box.body)} bytes"))
    if box.kind == b"prft" and struct.unpack_from(">I", box.body, 4)[0] not in tracks:
        faults.append(("CMAF-20", "prft of a track that is not in the init segment"))
    if box.kind == b"sidx":
        form, at = (">QHH", 20) if box.body[0] else (">IHH", 16)
        first, _, count = struct.unpack_from(form, box.body, at)
        at += struct.calcsize(form)
        sizes = [struct.unpack_from(">I", box.body, at + 12 * index)[0] & 0x7FFFFFFF
                 for index in range(count)]
        if box.start + box.size + first + sum(sizes) != len(data):
            faults.append(("CMAF-20", "sidx does not speak of what follows it"))


def parse_media(data, tracks):
    """(chunks, faults) of a part or segment."""
    faults, chunks, moof = [], [], None
    try:
        for box in boxes(data):
            _check_beside(box, data, tracks, faults)
            if box.kind == b"moof":
                if moof is not None:
                    faults.append(("CMAF-10", "moof without its mdat"))
                moof = box
            elif box.kind == b"mdat":
                if moof is None:
                    faults.append(("CMAF-10", "mdat before its moof"))
                    continue
                chunks.append(_fragment(moof, box, tracks, faults))
                moof = None
    except (BrokenBox, struct.error, AttributeError, IndexError) as error:
        faults.append(("CMAF-10", f"{type(error).__name__}: {error}"))
    return chunks, faults


def nal_types(sample, entry):
    """Of a length-prefixed H.264 or HEVC sample."""
    types, position = [], 0
    while position + 5 <= len(sample.data):
        length = struct.unpack_from(">I", sample.data, position)[0]
        first = sample.data[position + 4]
        types.append(first & 0x1F if entry == "avc1" else first >> 1 & 0x3F)
        position += 4 + length
    return types
