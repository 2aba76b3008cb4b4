"""Foreign encoders publish; the checker and foreign readers judge every rung."""
import threading

import decode
import publishers
from harness import expect, test, wait_for
from llhls import Check


TALK = "talk_1080p30_obs_bframes_4500k.flv"
PRODUCT = "product_1080p30_zerolat_4500k.flv"


def judge(case, server, channel, seconds=10.0, probes=False):
    """Follows the channel by all rules; a broken one fails the test."""
    report = Check(server.url(channel), 180.0 if case.long else seconds, lenient_timing=True,
                   with_probes=probes).run()
    (case.folder / f"report-{channel}.txt").write_text(report.text())
    expect(not report.count("FAIL"), "\n".join(l for l in report.lines() if l.startswith("FAIL")))
    warnings = sorted(report.rules("WARN"))
    case.note(f"{len(report.judged)} rules" +
              (f", warnings {' '.join(warnings)}" if warnings else ""))
    return report


def readable(server, channel, seconds=3.0):
    """FFmpeg decodes every rendition without a word; all at a time, to save the suite's time."""
    names = [rendition["name"] for rendition in server.channels()[channel]["renditions"]]
    urls = [f"{server.base}/live/{channel}/{name}/index.m3u8" for name in names]
    said, threads = {}, []

    def read(url):
        try:
            said[url] = decode.ffmpeg_reads(url, seconds)
        except Exception as error:
            said[url] = f"{type(error).__name__}: {error}"

    for url in urls:
        threads.append(threading.Thread(target=read, args=(url,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    loud = [f"{url}: {text}" for url, text in said.items() if text]
    expect(not loud, "\n".join(loud))


def as_file(case, follower):
    """What a Follower got of its rendition: the init segment and every part behind it."""
    path = case.folder / f"{follower.where}.mp4"
    map_uri = follower.latest.segments[-1].map_uri
    parts = [data for data, _ in follower.media.parts.values()]
    path.write_bytes(follower.media.init_bytes[map_uri] + b"".join(parts))
    return path


def file_through(case, name, channel="ladder", renditions=3, probes=False, seconds=10.0):
    server = case.server()
    publisher = publishers.ffmpeg_copy(case, case.file(name), server, f"secret-{channel}")
    found = server.wait_playable(channel, renditions=renditions)
    judge(case, server, channel, seconds, probes)
    readable(server, channel)
    expect(publisher.running(), f"ffmpeg ended: {publisher.text()}")
    expect("rror" not in publisher.text(), publisher.text())
    return server, found


# Sanitized, decoding and scaling 1080p alone fills a core: on a slow machine rungs have gaps.
@test(timeout=90, on="release")
def talk_with_b_frames_and_every_probe(case):
    """OBS-like 1080p30 with B-frames, filler and an early key frame, through source and 360p."""
    file_through(case, "talk_1080p30_obs_bframes_4500k.flv", probes=True, seconds=14.0)


@test(timeout=60, on="both")
def product_zero_latency(case):
    file_through(case, "product_1080p30_zerolat_4500k.flv", "one", 2)


@test(timeout=60, on="both")
def selfie_portrait(case):
    _, found = file_through(case, "selfie_vertical_720x1280p30_phone_2500k.flv", seconds=8.0)
    sizes = {r["name"]: (r.get("width"), r.get("height")) for r in found["renditions"]}
    expect(sizes["source"] == (720, 1280), f"source is {sizes['source']}")
    # The rung's 360 are the shorter side of a portrait picture.
    expect(sizes["360p"][0] == 360 and sizes["360p"][1] > 600, f"360p is {sizes['360p']}")


@test(timeout=60, on="both")
def animation_60_fps_from_a_transport_stream(case):
    # FFmpeg's FLV muxer puts aac_adtstoasc in front by itself; named by hand it fails at the loop.
    file_through(case, "anim_product_1080p60_obs_6000k.ts", "one", 2)


@test(timeout=60)
def hevc_by_enhanced_rtmp(case):
    server = case.server()
    paced = publishers.hevc(case, server, "secret-one")
    found = server.wait_playable("one", renditions=1)
    codecs = found["renditions"][0]["codecs"]
    expect(codecs.startswith("hvc1."), f"codecs are {codecs!r}")
    judge(case, server, "one", 5.0)
    said = decode.ffmpeg_reads(f"{server.base}/live/one/source/index.m3u8", 2.0)
    expect(not said, said)
    paced.sender.close()


@test(timeout=90)
def av1_by_enhanced_rtmp(case):
    """Passed through, and decoded for a rung of H.264."""
    server = case.server({"ladder": {"two": [
        {"name": "source", "passthrough": True},
        {"name": "180p", "height": 180, "bitrate": "300k"}]}})
    paced = publishers.av1(case, server, "secret-ladder", 14.0)
    found = server.wait_playable("ladder", renditions=2)
    codecs = {r["name"]: r["codecs"] for r in found["renditions"]}
    expect(codecs["source"].startswith("av01.0."), f"codecs are {codecs}")
    expect(codecs["180p"].startswith("avc1."), f"codecs are {codecs}")
    judge(case, server, "ladder", 5.0)
    for name in codecs:
        said = decode.ffmpeg_reads(f"{server.base}/live/ladder/{name}/index.m3u8", 2.0)
        expect(not said, said)
    paced.sender.close()


@test(timeout=60)
def gstreamer_rtmp2sink(case):
    server = case.server()
    tool = publishers.gst_rtmp2(case, case.file(PRODUCT), server, "secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 6.0)
    expect(tool.wait(20) == 0, tool.text())  # The file's end: a clean unpublish.
    wait_for(lambda: server.channels()["one"]["state"] != "live", 5, "the channel to end")


@test(timeout=60)
def librtmp(case):
    server = case.server()
    tool = publishers.gst_librtmp(case, case.file(PRODUCT), server, "secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 6.0)
    expect(tool.wait(20) == 0, tool.text())


@test(timeout=60)
def audio_only(case):
    server = case.server()
    publishers.ffmpeg_small(case, server, "secret-one", video=False)
    found = server.wait_playable("one")
    expect([r["kind"] for r in found["renditions"]] == ["audio"], str(found["renditions"]))
    judge(case, server, "one", 7.0)
    readable(server, "one")


@test(timeout=60)
def video_only(case):
    server = case.server()
    publishers.ffmpeg_small(case, server, "secret-one", audio=False)
    found = server.wait_playable("one")
    expect([r["kind"] for r in found["renditions"]] == ["video"], str(found["renditions"]))
    judge(case, server, "one", 7.0)
    readable(server, "one")


@test(timeout=60)
def every_rendition_is_exact_to_foreign_demuxers(case):
    """Init and segments of each rendition in one file: ffprobe, FFmpeg and qtdemux agree on it."""
    server = case.server()
    publishers.ffmpeg_copy(case, case.file(TALK), server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    check = Check(server.url("ladder"), 7.0, True, False)
    check.run()
    for each in check.followers:
        path = as_file(case, each)
        said = decode.ffmpeg_decodes_file(path)
        expect(not said, f"{each.where}: ffmpeg says {said[:500]}")
        kind = "a" if each.where == "audio" else "v"
        times = decode.packet_times(path, kind)
        expect(len(times) > 60, f"{each.where}: {len(times)} packets")
        for (_, before), (_, now) in zip(times, times[1:]):
            expect(now > before, f"{each.where}: dts {now} after {before}")
        frames, problems = decode.gst_decodes(path)
        expect(frames > 60, f"{each.where}: GStreamer decoded {frames} buffers")
        expect(not problems, f"{each.where}: GStreamer says {problems[:5]}")


@test(timeout=400, long_only=True)
def all_files_for_three_minutes(case):
    names = ["talk_1080p30_obs_bframes_4500k.flv", "product_1080p30_zerolat_4500k.flv",
             "selfie_vertical_720x1280p30_phone_2500k.flv"]
    server = case.server({"channels": {f"file{i}": {"keys": [f"key-{i}"], "ladder": "none"}
                                       for i in range(len(names))}})
    for index, name in enumerate(names):
        publishers.ffmpeg_copy(case, case.file(name), server, f"key-{index}")
    problems = []

    def one(channel):
        try:
            server.wait_playable(channel, renditions=2)
            judge(case, server, channel)
        except Exception as error:
            problems.append(f"{channel}: {error}")

    threads = [threading.Thread(target=one, args=(f"file{i}",)) for i in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not problems, "\n".join(problems))
