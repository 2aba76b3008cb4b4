"""Rules that the bytes of init segments, parts and segments are judged by."""
import fmp4

# Pictures at which decoding can start. HEVC: 14496-15 counts CRA and BLA too (Apple would rather
# have IDR, SEG-04: a passed-through source is as it is).
_IDR = {"avc1": (5,), "hvc1": tuple(range(16, 22))}
# Those that Apple asks for at the start of a segment (SEG-04).
_IDR_ALONE = {"avc1": (5,), "hvc1": (19, 20)}
_ADVICE = ("CMAF-20",)
_VCL = {"avc1": range(1, 6), "hvc1": range(0, 32)}


def starts_with_idr(sample, entry):
    """True, False, or None where the codec is not judged."""
    if entry not in _IDR:
        return None
    pictures = [kind for kind in fmp4.nal_types(sample, entry) if kind in _VCL[entry]]
    return bool(pictures) and pictures[0] in _IDR[entry]


def _is_plain_idr(sample, entry):
    pictures = [kind for kind in fmp4.nal_types(sample, entry) if kind in _VCL[entry]]
    return bool(pictures) and pictures[0] in _IDR_ALONE[entry]


def check_init(data, report, where):
    """The parsed init segment, or None."""
    try:
        init = fmp4.parse_init(data)
    except (fmp4.BrokenBox, AttributeError, IndexError, ValueError) as error:
        report.fail("CMAF-10", where, f"init: {error}")
        return None
    for rule, message in init.faults:
        report.fail(rule, where, f"init: {message}")
    for rule in ("CMAF-01", "CMAF-02", "CMAF-03", "CMAF-04", "CMAF-05", "CMAF-09", "CMAF-17"):
        report.ok(rule)
    report.prefer(len(init.tracks) == 1, "CMAF-14", where, f"{len(init.tracks)} tracks")
    for track in init.tracks.values():
        report.expect(track.entry not in ("avc3", "hev1"), "CMAF-15", where,
                      f"sample entry {track.entry}")
    return init


def check_chunk(data, init, report, where):
    """The chunks of a part or segment, judged each by itself."""
    chunks, faults = fmp4.parse_media(data, init.tracks)
    for rule, message in faults:
        (report.warn if rule in _ADVICE else report.fail)(rule, where, message)
    for rule in ("CMAF-07", "CMAF-08", "CMAF-10", "CMAF-11", "CMAF-20"):
        report.ok(rule)
    report.expect(chunks, "CMAF-10", where, "no chunk in it")
    for chunk in chunks:
        track = init.tracks.get(chunk.track_id)
        if track is None:
            continue
        for sample in chunk.samples:
            _check_sync(sample, track, report, where)
        if track.entry == "mp4a":
            _check_aac(chunk, track, report, where)
    return chunks


def _check_aac(chunk, track, report, where):
    """CMAF-18. Of HE-AAC, a sample entry may name the core's rate or the output's, twice as much."""
    odd = {sample.duration for sample in chunk.samples} - {1024, 2048}
    report.prefer(not odd, "CMAF-18", where, f"AAC samples of {sorted(odd)[:3]} ticks")
    if track.sample_rate:
        report.prefer(track.timescale in (track.sample_rate, 2 * track.sample_rate), "CMAF-18",
                      where, f"timescale {track.timescale}, sampling rate {track.sample_rate}")


def _check_sync(sample, track, report, where):
    if track.handler == "soun":
        report.expect(sample.sync, "CMAF-13", where, "audio sample is not sync")
        return
    idr = starts_with_idr(sample, track.entry)
    if idr is None:
        return
    report.expect(sample.sync == idr, "CMAF-13", where,
                  f"sync flag {sample.sync}, IDR {idr} at {sample.dts}")
    if idr:
        report.expect(sample.flags >> 24 & 0x3 == 2, "CMAF-13", where,
                      f"depends_on of an IDR, flags {sample.flags:#010x}")


class RenditionMedia:
    """The parts of one rendition in order; judges their continuity. One thread."""

    def __init__(self, where, report):
        self.where, self.report = where, report
        self.inits = {}  # Map URI -> Init.
        self.init_bytes = {}
        self.parts = {}  # Part URI -> (bytes, chunks).
        self.end = None  # Decode end of the newest part, in ticks.
        self.sequence = None
        self.newest = None  # (msn, index) of the newest part judged.
        self.kinds = {}  # Discontinuity sequence number -> what its media is like.
        self.missing = 0.0  # Seconds of parts with GAP=YES since then.

    def add_init(self, uri, data):
        known = self.init_bytes.setdefault(uri, data)
        self.report.expect(known == data, "CMAF-06", self.where, f"init {uri} changed")
        if uri not in self.inits:
            self.inits[uri] = check_init(data, self.report, self.where)
        return self.inits[uri]

    def note_kind(self, segment, container):
        """SEG-08, CMAF-16: what `segment` is like, and what others between two discontinuities."""
        init = self.inits.get(segment.map_uri)
        tracks = init.tracks.values() if init else ()
        kind = (container, sorted((t.handler, t.entry) for t in tracks))
        detail = sorted((t.track_id, t.codec, t.timescale, t.width, t.height) for t in tracks)
        known = self.kinds.setdefault(segment.discontinuity_sequence, (kind, detail))
        if self.report.expect(known[0] == kind, "SEG-08", self.where,
                              f"segment {segment.msn} is {kind}, others are {known[0]}") and tracks:
            self.report.expect(known[1] == detail, "CMAF-16", self.where,
                               f"segment {segment.msn} has {detail}, others have {known[1]}")

    def timescale(self, uri):
        init = self.inits.get(uri)
        return next(iter(init.tracks.values())).timescale if init and init.tracks else None

    def skip_part(self, part):
        """`part` is listed with GAP=YES: its time passes, and there is nothing to fetch."""
        self.missing += float(part.duration)
        self.newest = (part.msn, part.index)

    def skip_segment(self, number):
        """`number` is listed with EXT-X-GAP: what comes behind it follows nothing."""
        if self.newest and self.newest[0] <= number:
            self.end = None

    def add_part(self, part, segment, data):
        """`part` as listed, of `segment`; call in order."""
        init = self.inits.get(segment.map_uri)
        if init is None or not init.tracks:
            return
        where = f"{self.where} part {part.uri}"
        chunks = check_chunk(data, init, self.report, self.where)
        self.parts[part.uri] = (data, chunks)
        if not chunks:
            return
        timescale = self.timescale(segment.map_uri)
        self._check_continuity(part, segment, chunks, where)
        self._check_duration(part, chunks, timescale, where)
        self._check_independent(part, segment, chunks, init, where)
        self.end, self.newest, self.missing = chunks[-1].end, (part.msn, part.index), 0.0

    def _check_continuity(self, part, segment, chunks, where):
        follows = self.newest in ((part.msn, part.index - 1),) or (
            part.index == 0 and self.newest and self.newest[0] == part.msn - 1)
        fresh = part.index == 0 and segment.discontinuity
        for chunk in chunks:
            if chunk is not chunks[0]:
                self.report.expect(chunk.tfdt == self.end, "SEG-03", where, "hole inside the part")
            elif follows and not fresh and self.end is not None:
                timescale = self.timescale(segment.map_uri)
                # DURATION of the missing is exact to what PT-04 lets pass.
                spare = 0.010 * timescale if self.missing else 0
                error = chunk.tfdt - self.end - self.missing * timescale
                self.report.expect(abs(error) <= spare, "SEG-03", self.where,
                                   f"tfdt {chunk.tfdt} of {part.uri} follows {self.end}" +
                                   (f" and a gap of {self.missing:.3f} s" if self.missing else ""))
            if self.sequence is not None and not fresh:
                self.report.prefer(chunk.sequence > self.sequence, "CMAF-12", self.where,
                                   f"mfhd {chunk.sequence} after {self.sequence}")
            self.sequence, self.end = chunk.sequence, chunk.end

    def _check_duration(self, part, chunks, timescale, where):
        real = sum(s.duration for c in chunks for s in c.samples) / timescale
        error = abs(real - float(part.duration))
        self.report.expect(error <= 0.010, "PT-04", self.where,
                           f"{part.uri} lasts {real:.5f} s, DURATION says {part.duration}")
        self.report.prefer(error <= 0.0015, "PT-04", self.where,
                           f"{part.uri} off DURATION by {error * 1e3:.2f} ms")

    def _check_independent(self, part, segment, chunks, init, where):
        first = chunks[0].samples[0]
        track = init.tracks.get(chunks[0].track_id)
        if track is None:
            return
        if track.handler == "soun":
            self.report.prefer(part.independent, "PT-08", self.where, "audio part not INDEPENDENT")
            return
        idr = starts_with_idr(first, track.entry)
        if idr is None:
            return
        if part.independent:
            self.report.expect(idr, "PT-09", self.where, f"{part.uri} INDEPENDENT without an IDR")
        else:
            self.report.prefer(not idr, "PT-08", self.where,
                               f"{part.uri} starts with an IDR unsaid")

    def check_segment(self, segment, data, independent, td):
        """A whole segment against its parts; `independent`: EXT-X-INDEPENDENT-SEGMENTS stands;
        `td`: seconds of the target duration."""
        self.note_kind(segment, "fMP4")
        init = self.inits.get(segment.map_uri)
        if init is None or not init.tracks:
            return None
        chunks = check_chunk(data, init, self.report, self.where)
        if not chunks:
            return None
        timescale = self.timescale(segment.map_uri)
        track = init.tracks.get(chunks[0].track_id)
        real = sum(s.duration for c in chunks for s in c.samples) / timescale
        frame = max(s.duration for c in chunks for s in c.samples) / timescale
        self.report.expect(abs(real - float(segment.duration)) <= frame + 0.001, "PL-17",
                           self.where,
                           f"segment {segment.msn} lasts {real:.5f}, EXTINF {segment.duration}")
        self.report.expect(real <= td + 0.5, "SEG-07", self.where,
                           f"segment {segment.msn} lasts {real:.3f} s, target duration {td}")
        if track and track.handler == "vide":
            self._check_key_pictures(chunks, track, segment)
        if track and track.handler == "vide" and independent:
            idr = starts_with_idr(chunks[0].samples[0], track.entry)
            if idr is not None:
                self.report.expect(idr, "PL-22", self.where,
                                   f"segment {segment.msn} starts without IDR")
        self._check_composition(chunks, segment)
        listed = [self.parts.get(part.uri) for part in segment.parts]
        if listed and all(listed):
            joined = b"".join(bytes_ for bytes_, _ in listed)
            if self.report.prefer(joined == data, "PT-07", self.where,
                                  f"segment {segment.msn} is not its parts joined"):
                self.report.ok("PT-06")
            else:
                mine = [s for c in chunks for s in c.samples]
                theirs = [s for _, cs in listed for c in cs for s in c.samples]
                same = len(mine) == len(theirs) and all(a.same_as(b) for a, b in zip(mine, theirs))
                self.report.expect(same, "PT-06", self.where,
                                   f"segment {segment.msn} has other samples than its parts")
        return chunks

    def _check_key_pictures(self, chunks, track, segment):
        """SEG-04, SEG-05. Of codecs whose pictures are not looked into, by the sync flags."""
        samples = [sample for chunk in chunks for sample in chunk.samples]
        known = track.entry in _IDR
        keys = [starts_with_idr(s, track.entry) if known else s.sync for s in samples]
        self.report.expect(keys[0], "SEG-04", self.where,
                           f"segment {segment.msn} starts without a key picture")
        if known and keys[0]:
            self.report.prefer(_is_plain_idr(samples[0], track.entry), "SEG-04", self.where,
                               f"segment {segment.msn} starts with a CRA or BLA picture")
        self.report.expect(any(keys), "SEG-05", self.where,
                           f"segment {segment.msn} has no independent picture")

    def _check_composition(self, chunks, segment):
        times = sorted((s.dts + s.composition_offset, s.duration)
                       for c in chunks for s in c.samples)
        total = sum(duration for _, duration in times)
        span = times[-1][0] + times[-1][1] - times[0][0]
        self.report.expect(abs(span - total) <= max(d for _, d in times), "CMAF-19", self.where,
                           f"segment {segment.msn}: {total} ticks of samples span {span}")
        self.report.expect(len({time for time, _ in times}) == len(times), "CMAF-19", self.where,
                           f"segment {segment.msn}: two pictures at one time")
