"""Sound in other codecs and in several languages, and a source that brings its rungs."""
import os
import re
import signal
import threading
import time
import urllib.request

import decode
import rtmp
import httpc
from browser import Browser
from harness import expect, test, wait_for
from llhls import Check
from pages import Pages
from playlist import parse_multivariant
from test_players import fatal_or_decode, snapshot, wait_playing
from test_publish import judge, readable
from test_report import codes, compare, flash_and_beep

CODECS = {"mp2": "mp2", "mp3": "libmp3lame", "ac3": "ac3", "opus": "libopus"}


def channels(*names, **options):
    return {"channels": {name: {"keys": [f"secret-{name}"], "ladder": "none"} for name in names},
            **options}


def publish(case, path, server, channel, *codec, maps=()):
    return case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-i", path, *maps,
        "-c:v", "copy", *codec, "-f", "mpegts", server.srt(f"secret-{channel}")])


def workers(server):
    """The audio workers' process ids."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            status = open(f"/proc/{entry}/status", encoding="ascii").read()
        except OSError:
            continue
        if re.search(rf"^PPid:\t{server.process.pid}$", status, re.MULTILINE):
            found.append(int(entry))
    return found


@test(timeout=120)
def sound_in_other_codecs_is_aac_in_time(case):
    """MP2, MP3, AC-3 and Opus over SRT at once: what is served is AAC, in time with the picture."""
    path = flash_and_beep(case, 60)
    server = case.server(channels(*CODECS))
    for name, encoder in CODECS.items():
        publish(case, path, server, name, "-c:a", encoder, "-b:a", "192k", "-ac", "2")
    for name in CODECS:
        found = server.wait_playable(name, renditions=2)
        codecs = {one["kind"]: one["codecs"] for one in found["renditions"]}
        expect(codecs["audio"] == "mp4a.40.2", f"{name}: {codecs}")
    for name in CODECS:
        compare(case, server, path, name, channel=name)
    judge(case, server, "opus", 5.0)
    readable(server, "ac3", 2.0)
    expect(not server.metric("millrace_transcode_audio_dropped_total"), "sound was dropped")
    expect(len(workers(server)) == len(CODECS), f"workers {workers(server)}")


@test(timeout=120)
def sound_in_other_codecs_is_opus_where_that_is_chosen(case):
    """AAC passes through all the same, and so does Opus, unless its packets last no 20 ms."""
    path = flash_and_beep(case, 60)
    sent = {"aac": ["copy"], "mp2": ["mp2"], "ac3": ["ac3"], "opus": ["libopus"],
            "short": ["libopus", "-frame_duration", "10"]}
    server = case.server(channels(*sent, transcode={"audio_codec": "opus"}))
    for name, codec in sent.items():
        publish(case, path, server, name, "-c:a", *codec)
    for name in sent:
        found = server.wait_playable(name, renditions=2)
        codecs = {one["kind"]: one["codecs"] for one in found["renditions"]}
        expect(codecs["audio"] == ("mp4a.40.2" if name == "aac" else "opus"), f"{name}: {codecs}")
    for name in ("mp2", "ac3", "opus", "short"):
        compare(case, server, path, name, seconds=9, channel=name, within=0.010)
    for name in ("mp2", "opus"):
        judge(case, server, name, 5.0)
        readable(server, name, 2.0)
    expect(not server.metric("millrace_transcode_audio_dropped_total"), "sound was dropped")
    expect(len(workers(server)) == 3, f"workers {workers(server)}")


@test(timeout=90, alone=True)
def opus_plays_in_hls_js(case):
    path = flash_and_beep(case, 60)
    server = case.server(channels("one", transcode={"audio_codec": "opus"}))
    publish(case, path, server, "one", "-c:a", "mp2")
    server.wait_playable("one", renditions=2)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/languages.html?url={server.url('one')}")
        wait_for(lambda: browser.evaluate("window.look && look().time > 3"), 30, "hls.js to play")
        wait_for(lambda: browser.evaluate("look().heard > 0"), 15, "its sound")  # Counted later.
        seen = browser.evaluate("look()")
        expect(not seen["errors"], f"{seen}")


@test(timeout=90)
def opus_is_held_in_silence_and_goes_on(case):
    path = flash_and_beep(case, 60)
    server = case.server(channels("one", transcode={"audio_codec": "opus"}))
    publisher = publish(case, path, server, "one", "-c:a", "libopus")
    server.wait_playable("one", renditions=2)
    check = Check(server.url("one"), 16.0, lenient_timing=True, with_probes=False)
    follow = threading.Thread(target=check.run)
    follow.start()
    time.sleep(3)  # Somebody watches: it is held.
    publisher.stop(signal.SIGKILL)
    wait_for(lambda: server.metric("millrace_channel_filling", channel="one"), 10, "the hold")
    time.sleep(2)
    said = decode.ffmpeg_reads(f"{server.base}/live/one/audio/index.m3u8", 2.0)
    expect(not said, said)
    publish(case, path, server, "one", "-c:a", "libopus")
    follow.join()
    (case.folder / "report.txt").write_text(check.report.text())
    broken = [l for l in check.report.lines() if l.startswith("FAIL") and "BR-02" not in l]
    expect(not broken, "\n".join(broken))
    expect(not server.metric("millrace_channel_filling", channel="one"), "it still fills")
    codecs = {one["codecs"] for one in server.channels()["one"]["renditions"]}
    expect("opus" in codecs and "mp4a.40.2" not in codecs, f"{codecs}")


@test(timeout=90)
def audio_worker_killed(case):
    """Its channel goes on, picture and sound, and a report is written; the others do not notice."""
    path = flash_and_beep(case, 60)
    crashes = case.folder / "crashes"
    server = case.server(channels("mp2", "opus", transcode={"crash_reports": str(crashes)}))
    for name in ("mp2", "opus"):
        publish(case, path, server, name, "-c:a", CODECS[name])
        server.wait_playable(name, renditions=2)
    os.kill(workers(server)[0], signal.SIGKILL)
    wait_for(lambda: server.metric("millrace_transcode_worker_restarts_total") == 1, 5, "another")
    wait_for(lambda: list(crashes.glob("*.crash")), 5, "the crash report")
    time.sleep(4)  # What a player that joins then has is all of the new worker's.
    for name in ("mp2", "opus"):
        compare(case, server, path, name, channel=name)
        judge(case, server, name, 4.0)


@test(timeout=60)
def sound_is_left_out_where_nothing_may_be_transcoded(case):
    path = flash_and_beep(case, 30)
    server = case.server(channels("mp2", transcode={"enabled": False}))
    publish(case, path, server, "mp2", "-c:a", "mp2")
    server.wait_playable("mp2", renditions=1)
    judge(case, server, "mp2", 4.0)
    expect("sound is left out channel=mp2 codec=mp2" in server.log(), "the log does not say so")


@test(timeout=60)
def sound_alone_is_the_last_variant(case):
    """Of hls.audio_only: the group's own playlist once more, and FFmpeg plays that variant."""
    path = flash_and_beep(case, 40)
    server = case.server(channels("one", hls={"audio_only": True}))
    publish(case, path, server, "one", "-c:a", "copy")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 6.0)
    answer = httpc.fetch(server.url("one"))
    picture, sound = parse_multivariant(answer.text).variants
    expect(sound["URI"] == "audio/index.m3u8" and sound["CODECS"] == "mp4a.40.2", f"{sound}")
    expect(not {"RESOLUTION", "FRAME-RATE", "VIDEO-RANGE"} & set(sound), f"{sound}")
    expect(0 < int(sound["BANDWIDTH"]) < int(picture["BANDWIDTH"]), f"{picture} {sound}")
    said = decode.ffmpeg_reads(server.url("one"), 3.0)
    expect(not said, said)


@test(timeout=90, alone=True)
def sound_as_a_variant_harms_neither_hls_js_nor_shaka(case):
    """Both leave it out, since pictures cannot stop and come back in their buffers."""
    path = flash_and_beep(case, 60)
    server = case.server(channels("one", hls={"audio_only": True}))
    publish(case, path, server, "one", "-c:a", "copy")
    server.wait_playable("one", renditions=2)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        for page, variants in (("languages", "hls.levels"), ("shaka", "player.getVariantTracks()")):
            browser.goto(f"{pages.base}/{page}.html?url={server.url('one')}")
            wait_for(lambda: browser.evaluate("window.look && look().time > 1"), 30, f"{page}.html")
            count = browser.evaluate(f"{variants}.length")
            height = browser.evaluate("document.querySelector('video').videoHeight")
            errors = browser.evaluate("look().errors")
            expect(count == 1 and height > 0 and not errors, f"{page}: {count} {height} {errors}")


@test(timeout=90, alone=True)
def languages_are_switched_in_hls_js(case):
    path = flash_and_beep(case, 60)
    server = case.server(channels("one"))
    publish(case, path, server, "one", "-c:a:0", "aac", "-c:a:1", "aac", "-c:a:2", "libopus",
            "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra",
            "-metadata:s:a:2", "language=deu",
            maps=("-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "0:a"))
    server.wait_playable("one", renditions=4)
    judge(case, server, "one", 6.0)
    readable(server, "one", 2.0)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/languages.html?url={server.url('one')}")
        wait_for(lambda: browser.evaluate("window.look && look().time > 1"), 30, "hls.js to play")
        seen = browser.evaluate("look()")
        expect([(one["name"], one["lang"], one["isDefault"]) for one in seen["tracks"]] ==
               [("English", "en", True), ("Français", "fr", False), ("Deutsch", "de", False)],
               f"{seen}")
        for index in (1, 2, 0):
            browser.evaluate(f"void choose({index})")
            before = browser.evaluate("look()")
            wait_for(lambda: browser.evaluate("look()")["time"] > before["time"] + 3, 15,
                     f"language {index} to go on")
            after = browser.evaluate("look()")
            expect(after["chosen"] == index and not after["errors"], f"{after}")
            expect(after["heard"] > before["heard"], f"language {index} is silent: {after}")
        browser.goto(f"{server.base}/?channel=one")
        wait_playing(browser, 20)
        for name, index in (("Deutsch", 2), ("English", 0)):
            browser.evaluate(f"""[...document.querySelectorAll('#sounds label')]
                .find((label) => label.textContent === '{name}').click()""")
            wait_for(lambda: snapshot(browser)["playingSound"] == index, 10, f"{name} on the page")
            began = snapshot(browser)["time"]
            wait_for(lambda: snapshot(browser)["time"] > began + 2, 10, f"{name} to go on")
        browser.screenshot(case.folder / "page.png")
        expect(not fatal_or_decode(snapshot(browser)), f"{snapshot(browser)['errors']}")


def clip(case, name, *options):
    path = case.folder / name
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-i", case.folder / "flash.mkv", *options,
        path])
    expect(made.wait(60) == 0, made.text())
    return path


@test(timeout=90, on="both")
def enhanced_rtmp_brings_rungs_and_opus(case):
    """Two video tracks and Opus: the second is a rung as it came, none is encoded."""
    source = flash_and_beep(case, 40)
    small = clip(case, "small.flv", "-an", "-vf", "scale=160:90", "-c:v", "libx264", "-preset",
                 "ultrafast", "-tune", "zerolatency", "-g", "60", "-keyint_min", "60",
                 "-sc_threshold", "0", "-vsync", "passthrough", "-enc_time_base", "1:1000")
    main = clip(case, "main.flv", "-an", "-c:v", "copy")
    sound = clip(case, "sound.mp4", "-vn", "-c:a", "libopus", "-movflags",
                 "frag_keyframe+empty_moov", "-frag_duration", "100000")
    server = case.server({"channels": {"ladder": {"keys": ["secret-ladder"]}}})
    tags = sorted([*rtmp.flv_tags(main),
                   *(rtmp.as_track(tag, 1) for tag in rtmp.flv_tags(small) if tag[0] == 9),
                   *rtmp.opus_tags(sound.read_bytes())], key=lambda tag: tag[1])
    sender = rtmp.Publisher(server.rtmp_port, "secret-ladder")
    expect(sender.publish(), "publish was refused")
    sending = threading.Thread(target=rtmp.send_paced, args=(sender, tags, 24.0), daemon=True)
    sending.start()
    found = server.wait_playable("ladder", renditions=3)
    kinds = {one["name"]: (one.get("height"), one["codecs"]) for one in found["renditions"]}
    expect(set(kinds) == {"source", "90p", "audio"}, f"{kinds}")
    expect(kinds["90p"][0] == 90 and kinds["audio"][1] == "mp4a.40.2", f"{kinds}")
    judge(case, server, "ladder", 6.0)
    readable(server, "ladder", 2.0)
    compare(case, server, source, "Opus over enhanced RTMP", channel="ladder")
    expect("unaligned_tracks" not in codes(server, "ladder"), f"{codes(server, 'ladder')}")
    expect(not server.metric("millrace_timeline_events_total", event="rung_unaligned"), "unaligned")
    sending.join()
    sender.close()


@test(timeout=60)
def tracks_that_are_not_aligned_are_reported(case):
    flash_and_beep(case, 30)
    small = clip(case, "small.flv", "-an", "-vf", "scale=160:90", "-c:v", "libx264", "-preset",
                 "ultrafast", "-tune", "zerolatency", "-g", "50", "-keyint_min", "50",
                 "-sc_threshold", "0")
    main = clip(case, "main.flv", "-an", "-c:v", "copy")
    server = case.server()
    tags = sorted([*rtmp.flv_tags(main),
                   *(rtmp.as_track(tag, 1) for tag in rtmp.flv_tags(small) if tag[0] == 9)],
                  key=lambda tag: tag[1])
    sender = rtmp.Publisher(server.rtmp_port, "secret-one")
    expect(sender.publish(), "publish was refused")
    sending = threading.Thread(target=rtmp.send_paced, args=(sender, tags, 14.0), daemon=True)
    sending.start()
    server.wait_playable("one", renditions=1)
    wait_for(lambda: "unaligned_tracks" in codes(server), 15, "the report")
    url = f"{server.base}/live/one/90p/index.m3u8"
    wait_for(lambda: "#EXT-X-GAP" in urllib.request.urlopen(url, timeout=5).read().decode(), 15,
             "the rung's gaps")
    said = decode.ffmpeg_reads(f"{server.base}/live/one/source/index.m3u8", 3.0)
    expect(not said, said)
    sending.join()
    sender.close()

