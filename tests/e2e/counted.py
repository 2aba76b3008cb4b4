"""Pictures that say in themselves which they are: a number in sixteen blocks, black or white, in Gray
code, so that one block changes from a picture to the next."""
import subprocess
import urllib.parse

import fmp4
import httpc
from harness import expect

WIDTH, HEIGHT, BITS = 640, 360, 16
_BLOCK = WIDTH // BITS
_STRIP = 48  # Lines that the number takes.
_BLACK, _WHITE = b"\x10", b"\xeb"


def _picture(number):
    code = number ^ number >> 1
    strip = b"".join((_WHITE if code >> bit & 1 else _BLACK) * _BLOCK for bit in range(BITS))
    # Something that moves, or nothing would have to be encoded.
    line = bytes(64 + (x + 3 * number) // 8 % 16 * 8 for x in range(WIDTH))
    luma = strip * _STRIP + line * (HEIGHT - _STRIP)
    return luma + b"\x80" * (WIDTH * HEIGHT // 2)


def make(case, name, rate, seconds, options):
    """A clip of that many seconds with silence; `options` are for FFmpeg's encoder."""
    path = case.folder / f"{name}.flv"
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt",
               "yuv420p", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", rate, "-i", "-", "-f",
               "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-shortest", "-c:v", "libx264",
               "-preset", "ultrafast", "-sc_threshold", "0", *options, "-b:v", "1500k", "-c:a",
               "aac", "-f", "flv", str(path)]
    over, _, under = rate.partition("/")
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    for number in range(int(seconds * int(over) / int(under or 1))):
        process.stdin.write(_picture(number))
    process.stdin.close()
    expect(process.wait(60) == 0, f"ffmpeg did not make {name}")
    return path


def fetch(base, segment):
    """The bytes of a segment, its init segment's in front."""
    answers = [httpc.fetch(urllib.parse.urljoin(base, uri))
               for uri in (segment.map_uri, segment.uri)]
    expect(all(answer.status == 200 for answer in answers), f"{base}{segment.uri} is gone")
    return tuple(answer.body for answer in answers)


def read(case, segment):
    """[(number, seconds)] of a fetched segment's pictures, in order of presentation."""
    path = case.folder / "segment.mp4"
    path.write_bytes(b"".join(segment))
    # One sample for each block.
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(path), "-vf",
         f"crop=iw:ih/10:0:0,scale={BITS}:1:flags=area,format=gray", "-vsync", "passthrough", "-f",
         "rawvideo", "-"], capture_output=True, timeout=40, check=True)
    rows = [done.stdout[i:i + BITS] for i in range(0, len(done.stdout), BITS)]
    expect(len(rows) == len(times(segment)),
           f"{len(rows)} pictures of {len(times(segment))} samples")
    return [(number_of(row), at) for row, at in zip(rows, times(segment))]


def times(segment):
    """When a fetched segment's pictures are presented, in seconds, in that order. Not by FFmpeg: it
    adds what composition offsets reach below zero, which differs by rung."""
    init, media = segment
    tracks = fmp4.parse_init(init).tracks
    chunks, faults = fmp4.parse_media(media, tracks)
    expect(not faults, f"{faults}")
    return sorted((sample.dts + sample.composition_offset) / tracks[chunk.track_id].timescale
                  for chunk in chunks for sample in chunk.samples)


def number_of(row):
    code = sum((sample > 128) << bit for bit, sample in enumerate(row))
    number = 0
    while code:
        number ^= code
        code >>= 1
    return number
