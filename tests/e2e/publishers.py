"""Foreign encoders that publish to a server, as the commands that start them."""


def ffmpeg_copy(case, path, server, key, extra=(), loop=True):
    """A file as it is, at its own pace, for ever."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re"]
    command += ["-stream_loop", "-1"] if loop else []
    command += ["-i", path, "-c", "copy", *extra, "-f", "flv", f"{server.rtmp}/{key}"]
    return case.run("ffmpeg", command)


def ffmpeg_small(case, server, key, video=True, audio=True, seconds=None):
    """A small picture that costs next to nothing to make: for tests that are not about pictures."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
    if video:
        command += ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30"]
    if audio:
        command += ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    if video:
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60",
                    "-keyint_min", "60", "-sc_threshold", "0", "-b:v", "600k", "-pix_fmt", "yuv420p",
                    "-profile:v", "baseline"]
    if audio:
        command += ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    command += ["-t", str(seconds)] if seconds else []
    return case.run("ffmpeg", command + ["-f", "flv", f"{server.rtmp}/{key}"])


def _gst_mux(path):
    return ["filesrc", f"location={path}", "!", "flvdemux", "name=d", "d.video", "!", "queue", "!",
            "h264parse", "!", "mux.", "d.audio", "!", "queue", "!", "aacparse", "!", "mux.", "flvmux",
            "name=mux", "streamable=true", "!", "identity", "sync=true", "!"]


def gst_rtmp2(case, path, server, key):
    return case.run("rtmp2sink", ["gst-launch-1.0", "-q", *_gst_mux(path), "rtmp2sink",
                                  f"location={server.rtmp}/{key}"])


def gst_librtmp(case, path, server, key):
    return case.run("rtmpsink", ["gst-launch-1.0", "-q", *_gst_mux(path), "rtmpsink",
                                 f"location={server.rtmp}/{key} live=1"])
