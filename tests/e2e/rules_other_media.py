"""Rules on segments that are no fMP4: MPEG-TS (ISO/IEC 13818-1), packed audio, WebVTT."""

_PACKET = 188
_OWNER = b"com.apple.streaming.transportStreamTimestamp\0"


def container(data):
    """What a segment is by its first bytes."""
    if data[4:8] in (b"styp", b"moof", b"sidx", b"prft", b"emsg", b"ftyp"):
        return "fMP4"
    if data.lstrip(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
        return "WebVTT"
    if data.startswith(b"ID3") or data[:1] == b"\xff" and data[1:2] >= b"\xe0":
        return "packed audio"
    return "MPEG-TS" if data[:1] == b"\x47" else "nothing known"


class Other:
    """The segments of one rendition in order. One thread."""

    def __init__(self, where, report):
        self.where, self.report = where, report
        self.counters = {}  # PID -> the last continuity counter.
        self.newest = None  # Number of the newest segment.

    def check(self, segment, data, kind):
        """`kind` is that of container()."""
        if kind == "MPEG-TS":
            self._check_ts(segment, data)
        elif kind == "packed audio":
            self.report.expect(_has_time_stamp(data), "AUD-01", self.where,
                               f"segment {segment.msn} does not start with its ID3 time stamp")
        elif kind == "WebVTT" or segment.uri.partition("?")[0].endswith(("vtt",)):
            self._check_vtt(segment, data)
        else:
            self.report.fail("SEG-08", self.where,
                             f"segment {segment.msn} starts with {data[:8]!r}: no known container")

    def _check_vtt(self, segment, data):
        lines = data.decode("utf-8", "replace").lstrip("\ufeff").splitlines() or [""]
        head = lines[0][:7].rstrip()
        self.report.expect(head == "WEBVTT" or segment.map_uri, "VTT-01", self.where,
                           f"segment {segment.msn} starts with {lines[0][:20]!r}")
        if head == "WEBVTT" and any(lines[1:]):
            self.report.prefer(lines[1].startswith("X-TIMESTAMP-MAP="), "VTT-02", self.where,
                               f"no X-TIMESTAMP-MAP behind the header of segment {segment.msn}")

    # --- MPEG-TS ---

    def _check_ts(self, segment, data):
        name = f"segment {segment.msn}"
        packets = [data[at:at + _PACKET] for at in range(0, len(data), _PACKET)]
        good = len(data) % _PACKET == 0 and all(packet[0] == 0x47 for packet in packets)
        if not self.report.expect(good, "TS-01", self.where, f"{name} is not made of packets"):
            return
        pids = [int.from_bytes(packet[1:3], "big") & 0x1FFF for packet in packets]
        programs = _programs(next((p for p, pid in zip(packets, pids) if pid == 0), b""))
        pmt = next((p for p, pid in zip(packets, pids) if pid in programs), b"")
        self.report.expect(pmt or segment.map_uri, "TS-02", self.where, f"{name}: no PAT and PMT")
        if pmt:
            self.report.prefer(pids[0] == 0 and pids[1] in programs, "TS-02", self.where,
                               f"{name} does not begin with PAT and PMT")
            self.report.expect(len(programs) == 1, "TS-03", self.where,
                               f"{name}: {len(programs)} programs")
            self._check_clock(name, packets, pids, _clock_pid(pmt))
        self._check_counters(segment, packets, pids)

    def _check_counters(self, segment, packets, pids):
        if segment.discontinuity or self.newest != segment.msn - 1:
            self.counters = {}
        self.newest, broken = segment.msn, 0
        for packet, pid in zip(packets, pids):
            counter, has_payload = packet[3] & 0xF, packet[3] & 0x10
            if pid == 0x1FFF or not has_payload:
                continue
            told = packet[3] & 0x20 and packet[4] and packet[5] & 0x80  # discontinuity_indicator
            before = self.counters.get(pid, counter - 1)
            if not told and counter not in ((before + 1) & 0xF, before):  # Once more: a duplicate.
                broken += 1
            self.counters[pid] = counter
        self.report.expect(not broken, "TS-04", self.where,
                           f"segment {segment.msn}: {broken} breaks of continuity counters")

    def _check_clock(self, name, packets, pids, clock_pid):
        clocks = [clock for packet, pid in zip(packets, pids)
                  if pid == clock_pid and (clock := _clock(packet)) is not None]
        stamps = [stamp for packet in packets if (stamp := _stamp(packet)) is not None]
        if self.report.expect(clocks, "TS-05", self.where, f"{name}: no PCR on PID {clock_pid}") \
                and stamps:
            ahead = (clocks[0] - stamps[0]) % (1 << 33)
            self.report.expect(ahead == 0 or ahead > 1 << 32, "TS-05", self.where,
                               f"{name}: the first PCR is {ahead / 90e3:.3f} s after the first DTS")


def _payload(packet):
    """What follows the header and the adaptation field."""
    begin = 5 + packet[4] if len(packet) > 4 and packet[3] & 0x20 else 4
    return packet[begin:] if len(packet) > 3 and packet[3] & 0x10 else b""


def _section(packet):
    payload = _payload(packet)
    return payload[1 + payload[0]:] if payload else b""


def _programs(packet):
    """PIDs of the program maps that a PAT names."""
    section = _section(packet)
    length = int.from_bytes(section[1:3], "big") & 0xFFF if len(section) > 8 else 0
    entries = section[8:3 + length - 4]
    return [int.from_bytes(entries[at + 2:at + 4], "big") & 0x1FFF
            for at in range(0, len(entries) - 3, 4) if entries[at:at + 2] != b"\0\0"]


def _clock_pid(packet):
    return int.from_bytes(_section(packet)[8:10], "big") & 0x1FFF


def _clock(packet):
    """PCR in ticks of 90 kHz, or None."""
    if not packet[3] & 0x20 or packet[4] < 7 or not packet[5] & 0x10:
        return None
    return int.from_bytes(packet[6:11], "big") >> 7


def _stamp(packet):
    """DTS, or PTS where there is none, of the PES packet that begins here; or None."""
    payload = _payload(packet)
    if not packet[1] & 0x40 or payload[:3] != b"\0\0\1" or len(payload) < 19 or \
            payload[6] & 0xC0 != 0x80 or not payload[7] & 0x80:
        return None
    field = payload[14:19] if payload[7] & 0x40 else payload[9:14]
    return (field[0] >> 1 & 0x7) << 30 | field[1] << 22 | field[2] >> 1 << 15 | field[3] << 7 | \
        field[4] >> 1


def _has_time_stamp(data):
    if not data.startswith(b"ID3"):
        return False
    size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    at = data.find(_OWNER, 10, 10 + size)
    stamp = data[at + len(_OWNER):at + len(_OWNER) + 8]
    return at >= 0 and len(stamp) == 8 and not int.from_bytes(stamp, "big") >> 33
