"""The real OBS under Xvfb, as a streamer uses it."""
import decode
from harness import expect, test, wait_for
from llhls import Check
from obs import Obs


@test(timeout=120, on="both")
def obs_goes_live(case):
    server = case.server()
    studio = Obs(case, server.rtmp, "secret-one")
    studio.wait_log(r"==== Streaming Start", 45)
    found = server.wait_playable("one", renditions=2)
    video = next(r for r in found["renditions"] if r["kind"] == "video")
    expect((video["width"], video["height"]) == (640, 360), str(video))
    report = Check(server.url(), 180.0 if case.long else 8.0, True, False).run()
    broken = [line for line in report.lines() if line.startswith("FAIL")]
    expect(not broken, "\n".join(broken))
    for name in ("source", "audio"):
        said = decode.ffmpeg_reads(f"{server.base}/live/one/{name}/index.m3u8", 2.0)
        expect(not said, said)
    expect("obs" in server.log().lower(), "the encoder's name is not in the log")
    expect(studio.tool.running(), f"OBS ended: {studio.log()[-500:]}")
    studio.tool.stop()
    wait_for(lambda: server.channels()["one"]["state"] != "live", 10, "the channel to end")


@test(timeout=90)
def obs_shows_a_wrong_key(case):
    """OBS takes the refusal for what it is (an invalid stream) and does not try for ever."""
    server = case.server()
    studio = Obs(case, server.rtmp, "not-the-key")
    studio.wait_log(r"Connecting to RTMP URL", 45)
    studio.wait_log(r"Connection to \S+ failed: -3|[Ii]nvalid|NetStream\.Publish\.\w+", 15)
    studio.wait_log(r"Invalid stream key: no channel has this key\.", 5)
    expect("Streaming Start" not in studio.log(), "OBS believes that it is live")
    refused = wait_for(lambda: server.metric("millrace_errors_total"), 5, "the refusal's count")
    expect(refused == 1, f"{refused} errors for one wrong key")
    expect("not-the-key" not in server.log(), "the key is in the log")
