"""A source whose pictures show when they were made, and how those who play it read that: the time in
steps of 20 ms, in the blocks and the code of counted.py."""
import time

import counted

_STEPS_PER_SECOND = 50
_WRAP = 1 << counted.BITS


def _filters():
    boxes = [f"drawbox=w={counted.WIDTH}:h=48:color=black:thickness=fill"]
    for bit in range(counted.BITS):
        # Gray code: the boxes are painted one after the other, and may fall into two steps.
        steps = f"st(0,floor(time(0)*{_STEPS_PER_SECOND}))"
        lit = f"{steps};mod(floor(ld(0)/{1 << bit})"
        # Nothing is above the highest one.
        lit += f"+floor(ld(0)/{2 << bit}),2)" if bit < counted.BITS - 1 else ",2)"
        boxes.append(f"drawbox=x={bit * 40}:w=40:h=48:color=white:thickness=fill:enable='{lit}'")
    return ",".join(boxes)


# B-frames, since what they do to timestamps is what readers trip over.
_CODECS = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b_strategy", "0", "-g", "60",
             "-keyint_min", "60", "-sc_threshold", "0", "-b:v", "600k", "-pix_fmt", "yuv420p"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-b:v", "500k", "-pix_fmt",
             "yuv420p", "-x265-params", "keyint=60:min-keyint=60:scenecut=0:bframes=2:b-adapt=0:"
             "open-gop=0:pools=1:log-level=error"],
}


def publish(case, server, key, codec="h264"):
    """640x360, 30 pictures per second, with a tone; HEVC over SRT, since FFmpeg 5.1 sends none by
    RTMP."""
    pictures = f"testsrc2=size={counted.WIDTH}x{counted.HEIGHT}:rate=30,{_filters()}"
    to = (["-f", "flv", f"{server.rtmp}/{key}"] if codec == "h264" else
          ["-f", "mpegts", server.srt(key)])
    return case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i",
        pictures, "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
        *_CODECS[codec], "-c:a", "aac", "-b:a", "96k", "-ac", "2", *to])


def seconds_behind(luma, width, height, now=None):
    """How long ago the picture was made; `luma(x, y)` is the brightness of a point of it, 0 to 255.
    Modulo some twenty minutes."""
    block = width / counted.BITS
    row = [luma(int((bit + 0.5) * block), height // 15) for bit in range(counted.BITS)]
    steps = (time.time() if now is None else now) * _STEPS_PER_SECOND
    return (steps - counted.number_of(row)) % _WRAP / _STEPS_PER_SECOND
