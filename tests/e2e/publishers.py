"""Foreign encoders that publish to a server, as the commands that start them."""
import threading

import rtmp
from harness import expect


def ffmpeg_copy(case, path, server, key, extra=(), loop=True):
    """A file as it is, at its own pace, for ever."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re"]
    command += ["-stream_loop", "-1"] if loop else []
    command += ["-i", path, "-c", "copy", *extra, "-f", "flv", f"{server.rtmp}/{key}"]
    return case.run("ffmpeg", command)


def ffmpeg_srt(case, path, server, stream_id, **options):
    """A file as it is, at its own pace, for ever, as MPEG-TS over SRT."""
    return case.run("ffmpeg", ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re",
                               "-stream_loop", "-1", "-i", path, "-c", "copy", "-f", "mpegts",
                               server.srt(stream_id, **options)])


def srt_live_transmit(case, path, server, stream_id, **options):
    """FFmpeg makes the transport stream, the tool of the protocol's authors sends it."""
    address = server.srt(stream_id, mode="caller", **options)
    script = (f'exec srt-live-transmit -q -chunk:1316 file://con "{address}" < <(exec ffmpeg '
              f'-nostdin -loglevel error -re -stream_loop -1 -i "{path}" -c copy -f mpegts -)')
    return case.run("srt-live-transmit", ["bash", "-c", script])


def gst_srtsink(case, path, server, stream_id):
    return case.run("srtsink", [
        "gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "flvdemux", "name=d", "d.video",
        "!", "queue", "!", "h264parse", "!", "mux.", "d.audio", "!", "queue", "!", "aacparse", "!",
        "mux.", "mpegtsmux", "name=mux", "alignment=7", "!", "identity", "sync=true", "!",
        "srtsink", f"uri=srt://127.0.0.1:{server.srt_port}", "mode=caller",
        f"streamid={stream_id}", "latency=120"])


def ffmpeg_small(case, server, key, video=True, audio=True, seconds=None, over="rtmp"):
    """A small picture that costs next to nothing to make: for tests that are not about pictures."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
    if video:
        command += ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30"]
    if audio:
        command += ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    if video:
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60",
                    "-keyint_min", "60", "-sc_threshold", "0", "-b:v", "600k", "-pix_fmt",
                    "yuv420p", "-profile:v", "baseline"]
    if audio:
        command += ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    command += ["-t", str(seconds)] if seconds else []
    to = ["flv", f"{server.rtmp}/{key}"] if over == "rtmp" else ["mpegts", server.srt(key)]
    return case.run("ffmpeg", command + ["-f", *to])


def _gst_mux(path):
    return ["filesrc", f"location={path}", "!", "flvdemux", "name=d", "d.video", "!", "queue", "!",
            "h264parse", "!", "mux.", "d.audio", "!", "queue", "!", "aacparse", "!", "mux.",
            "flvmux", "name=mux", "streamable=true", "!", "identity", "sync=true", "!"]


def gst_rtmp2(case, path, server, key):
    return case.run("rtmp2sink", ["gst-launch-1.0", "-q", *_gst_mux(path), "rtmp2sink",
                                  f"location={server.rtmp}/{key}"])


def gst_librtmp(case, path, server, key):
    return case.run("rtmpsink", ["gst-launch-1.0", "-q", *_gst_mux(path), "rtmpsink",
                                 f"location={server.rtmp}/{key} live=1"])


def hevc(case, server, key, seconds=9.0):
    """The HEVC clip by enhanced RTMP, which neither FFmpeg 5.1 nor OBS 29.0 can send: a thread."""
    return _enhanced(case, server, key, seconds,
                     ["-i", case.file("coffee_1080p30_hevc_4500k.mp4"), "-an", "-c", "copy"])


def av1(case, server, key, seconds=9.0):
    """720p30 of AV1 by enhanced RTMP: a thread."""
    return _enhanced(case, server, key, seconds, [
        "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,format=yuv420p", "-t", seconds,
        "-c:v", "libsvtav1", "-preset", "12", "-b:v", "1500k", "-g", "60",
        "-svtav1-params", "pred-struct=1"])


def _enhanced(case, server, key, seconds, source):
    path = case.folder / "enhanced.mp4"
    made = case.run("ffmpeg", ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", *source,
                               "-movflags", "+frag_keyframe+empty_moov+default_base_moof", path])
    expect(made.wait(40) == 0, made.text())
    return send_enhanced(case, server, key, seconds)


def send_enhanced(case, server, key, seconds):
    """The clip that was made for this case, once more."""
    path = case.folder / "enhanced.mp4"
    sender = rtmp.Publisher(server.rtmp_port, key)
    expect(sender.publish(), f"refused: {sender.answers!r}")
    tags = list(rtmp.enhanced_tags(path.read_bytes()))
    paced = threading.Thread(target=rtmp.send_paced, args=(sender, tags, seconds), daemon=True)
    paced.sender = sender  # Keeps the connection open past the clip's end.
    paced.start()
    return paced


def two_rungs(case, is_small=False):
    """A server whose channel has the source and an encoded rung, and the heights of both. A small
    picture for a sanitized worker, which two cores and a browser leave too little time for 1080."""
    if not case.is_sanitized and not is_small:
        server = case.server()
        ffmpeg_copy(case, case.file("product_1080p30_zerolat_4500k.flv"), server, "secret-ladder")
        heights = (1080, 360)
    else:
        server = case.server({"ladder": {"two": [
            {"name": "source", "passthrough": True},
            {"name": "180p", "height": 180, "bitrate": "200k"}]}})
        ffmpeg_small(case, server, "secret-ladder")
        heights = (360, 180)
    server.wait_playable("ladder", renditions=3)
    return server, heights
