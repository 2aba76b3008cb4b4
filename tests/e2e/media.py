#!/usr/bin/env python3
"""The clips that tests publish: those of a folder where they are, else stand-ins made by ffmpeg.

A stand-in is like its clip in all that a server can tell apart (codec, size, frame rate, B-frames,
key frames, filler, bit rate, length, container); its pictures and sound are synthetic. It is made
once and kept. Run as a program it makes all of them: tests/e2e/media.py [FOLDER]
"""
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys


class NoClip(Exception):
    """Neither the clip nor its stand-in can be had, and why."""


# Noise of its own in each ear: a tone would not fill 160 kb/s.
_SOUND = ";".join(f"anoisesrc=color=pink:amplitude=0.2:sample_rate=48000:seed={ear + 1}[{ear}]"
                  for ear in (0, 1)) + ";[0][1]join=channel_layout=stereo"
_BT709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]


def _clip(size, rate, seconds, noise, codec, bitrate, container, card="0", colours=_BT709):
    """What ffmpeg is told between its name and the output.

    `noise` makes the bit rate needed. While `card` holds, a plain card hides the picture: it cannot
    fill a constant rate, so that the encoder does (NAL units of type 12).
    """
    pictures = (f"testsrc2=size={size}:rate={rate},noise=alls={noise}:allf=t:all_seed=1,"
                f"drawbox=thickness=fill:color=gray:enable='{card}',format=yuv420p")
    return ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", _SOUND, "-t", str(seconds),
            *codec, "-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate, *colours,
            "-color_range", "tv", "-c:a", "aac", "-b:a", "160k", *container]


def _x264(key_every, parameters, *more):
    # One thread: with more, a bounded rate comes out different each time.
    return ["-c:v", "libx264", "-preset", "superfast", "-threads", "1", "-g", str(key_every),
            "-sc_threshold", "0", "-x264-params", parameters, *more]


# Always two B-frames between two others, the middle one referred to: a reordering by two pictures.
_B_FRAMES = ["-bf", "2", "-b_strategy", "0"]
_NO_DELAY = ["-tune", "zerolatency"]
_FLV = ["-f", "flv"]

_CLIPS = {
    # The cut behind the card, at 5.9 s, has an early key frame; that of the next is in its turn.
    "talk_1080p30_obs_bframes_4500k.flv": _clip(
        "1920x1080", 30, 16, 10,
        _x264(60, "nal-hrd=cbr", *_B_FRAMES, "-force_key_frames", "expr:eq(n,177)"), "4500k", _FLV,
        card="between(mod(t,8),5.4,5.88)"),
    "product_1080p30_zerolat_4500k.flv": _clip(
        "1920x1080", 30, 10, 8, _x264(60, "nal-hrd=vbr", *_NO_DELAY), "4500k",
        _FLV),
    "anim_product_1080p60_obs_6000k.ts": _clip(
        "1920x1080", 60, 11.95, 6, _x264(120, "nal-hrd=cbr", *_B_FRAMES), "6000k",
        ["-f", "mpegts"], card="between(t,3.5,3.99)", colours=["-colorspace", "bt470bg"]),
    "selfie_vertical_720x1280p30_phone_2500k.flv": _clip(
        "720x1280", 30, 12, 8, _x264(60, "nal-hrd=vbr", *_NO_DELAY), "2500k",
        _FLV),
    # Open groups of pictures, as x265 makes them unless told otherwise: CRA and RASL pictures.
    "coffee_1080p30_hevc_4500k.mp4": _clip(
        "1920x1080", 30, 9.5, 6,
        ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
         "keyint=60:min-keyint=60:scenecut=0:bframes=2:b-adapt=0:open-gop=1:log-level=error"],
        "4500k", ["-f", "mp4"]),
}


def find(name, folder, stand_ins):
    """(path, whether it is a stand-in). One that is not in `stand_ins` yet is made there now."""
    clip = folder / name
    return (clip, False) if clip.exists() else (_stand_in(name, stand_ins), True)


def _stand_in(name, folder):
    if name not in _CLIPS:
        raise NoClip(f"no {name}, and nothing is known to make a stand-in of")
    arguments = _CLIPS[name]
    stem, suffix = os.path.splitext(name)
    # Another recipe is another file.
    recipe = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:8]
    made = folder / f"{stem}.{recipe}{suffix}"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with open(f"{made}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():  # By who had the lock before.
                _make(name, arguments, made, lock)
    return made


def _make(name, arguments, made, lock):
    """Under the lock; ffmpeg holds it too, should it outlive us. The file appears when whole."""
    part = f"{made}.part"
    command = ["nice", "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments,
               part]
    done = subprocess.run(command, capture_output=True, check=False, pass_fds=[lock.fileno()])
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise NoClip(f"no {name}, and ffmpeg makes no stand-in: {said[-400:]}")
    os.replace(part, made)


if __name__ == "__main__":
    BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
    for each in _CLIPS:
        print(_stand_in(each, pathlib.Path(sys.argv[1]) if sys.argv[1:] else BUILD / "media"))
