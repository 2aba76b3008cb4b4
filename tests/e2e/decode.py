"""Whether foreign readers take what the server serves without a word of complaint."""
import json
import os
import re
import subprocess

import harness


def ffmpeg_reads(url, seconds=4.0, timeout=40.0):
    """Decodes for some seconds; what FFmpeg had to say: nothing, if all is well."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-i", url, "-t",
               str(seconds), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    text = done.stderr.decode("utf-8", "replace")
    harness.expect(done.returncode == 0,
                   f"ffmpeg ended with {done.returncode} on {url}: {text[-400:]}")
    return "\n".join(line for line in text.splitlines() if not _harmless(line))


# What FFmpeg 5.1 says of every live playlist of fMP4, whoever made it: tags of low latency that it
# does not know, and the init segment, which it reads again after each reload of the playlist.
_HARMLESS = re.compile(r"Skip \(|Opening |Found duplicated MOOV Atom")


def _harmless(line):
    return bool(_HARMLESS.search(line))


def ffmpeg_decodes_file(path, timeout=40.0):
    """The warnings on an init segment with media behind it."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-i", path,
                           "-f", "null", "-"], capture_output=True, timeout=timeout, check=False)
    harness.expect(done.returncode == 0, f"ffmpeg: {done.stderr.decode('utf-8', 'replace')[-400:]}")
    return done.stderr.decode("utf-8", "replace").strip()


def probe(url, timeout=40.0):
    """(streams, warnings) by ffprobe."""
    command = ["ffprobe", "-hide_banner", "-loglevel", "warning", "-print_format", "json",
               "-show_streams", url]
    done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    text = done.stderr.decode("utf-8", "replace")
    harness.expect(done.returncode == 0, f"ffprobe: {text[-400:]}")
    warnings = "\n".join(line for line in text.splitlines() if not _harmless(line))
    return json.loads(done.stdout)["streams"], warnings


def packet_times(path, stream, timeout=40.0):
    """[(pts, dts)] in seconds of a file's packets."""
    command = ["ffprobe", "-loglevel", "error", "-select_streams", stream, "-show_entries",
               "packet=pts_time,dts_time", "-of", "csv=p=0", path]
    done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    rows = [line.split(",")[:2] for line in done.stdout.decode().splitlines() if line]
    return [tuple(float(value) for value in row) for row in rows]


def gst_decodes(init_and_media, timeout=40.0):
    """Frames and warnings of GStreamer's qtdemux and decoder on a file."""
    pipeline = ["gst-launch-1.0", "filesrc", f"location={init_and_media}", "!", "qtdemux", "!",
                "decodebin", "!", "fakesink", "silent=false", "sync=false", "-v"]
    done = subprocess.run(pipeline, capture_output=True, timeout=timeout, check=False,
                          env={**os.environ, "GST_DEBUG": "2", "GST_DEBUG_NO_COLOR": "1"})
    said = done.stdout.decode("utf-8", "replace")
    problems = [line for line in done.stderr.decode("utf-8", "replace").splitlines()
                if re.search(r" (WARN|ERROR) ", line) and not _gst_harmless(line)]
    harness.expect(done.returncode == 0, f"gst-launch ended with {done.returncode}: {said[-300:]}")
    return said.count("chain   ***"), problems


def _gst_harmless(line):
    # About this machine's plug-ins and drivers and the order in which gst-launch starts its elements,
    # not about the media.
    return bool(re.search(r"plugin|Failed to load|vaapi|vulkan|GstRegistry|pad not activated yet",
                          line))
