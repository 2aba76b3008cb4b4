"""Publishers that vanish and come back: viewers keep playing, on every rung."""
import signal
import threading
import time

import caches
import decode
import httpc
import publishers
from browser import Browser
from harness import MachineLoad, expect, test, wait_for
from llhls import Check
from pages import Pages
from playlist import parse_media
from test_publish import judge

# Both rungs are of the small picture: these tests are about time.
LADDER = {"ladder": {"two": [{"name": "source", "passthrough": True},
                             {"name": "180p", "height": 180, "bitrate": "200k"}]}}


def discontinuities(server, channel, rendition):
    text = httpc.fetch(f"{server.base}/live/{channel}/{rendition}/index.m3u8").text
    latest = parse_media(text)
    return latest, [s.msn for s in latest.segments + ([latest.open] if latest.open else [])
                    if s.discontinuity]


def players(browser):
    return browser.evaluate("window.look ? look() : []")


def watched_by_players(case, away, before, after):
    """A publisher is killed and is back `away` seconds later, over another protocol perhaps, while
    hls.js on each rung and Shaka play 3 s behind live or more."""
    server = case.server(LADDER)
    first = publishers.ffmpeg_small(case, server, "secret-ladder", over=before)
    server.wait_playable("ladder", renditions=3)
    wait_for(lambda: len(discontinuities(server, "ladder", "180p")[0].segments) >= 4, 20,
             "a window")
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/holding.html?url={server.url('ladder')}&rungs=2")
        wait_for(lambda: len(players(browser)) == 3 and all(p.get("begun") for p in
                                                            players(browser)), 30, "three players")
        time.sleep(3)
        load, at_first = MachineLoad(), players(browser)
        check = Check(server.url("ladder"), away + 11.0, True, False)
        follow = threading.Thread(target=check.run)
        follow.start()
        time.sleep(2)
        first.stop(signal.SIGKILL)
        time.sleep(away)
        publishers.ffmpeg_small(case, server, "secret-ladder", over=after)
        follow.join()
        seen = players(browser)
        browser.screenshot(case.folder / "page.png")
    (case.folder / "report.txt").write_text(check.report.text())
    for player, earlier in zip(seen, at_first):
        case.note(f"{player['name']}: {player['height']} lines, stood "
                  f"{(player['stood'] - earlier['stood']) / 1000:.1f} s, at most "
                  f"{player['longest'] / 1000:.2f} s, {player['behind']:.1f} s behind"
                  f" (before {earlier['behind']:.1f})" +
                  (f", murmurs {player['murmurs'][-3:]}" if player["murmurs"] else ""))
    case.note(f"{load.idle_share():.0%} of the machine idle")
    for player, earlier in zip(seen, at_first):
        expect(not player["errors"], f"{player['name']}: {player['errors']}")
        expect(player["stood"] == earlier["stood"], f"{player['name']} stood still")
        expect(player["time"] - earlier["time"] > away + 9, f"{player['name']} did not go on")
    broken = [l for l in check.report.lines() if l.startswith("FAIL") and "BR-02" not in l]
    expect(not broken, "\n".join(broken))
    cuts = {name: discontinuities(server, "ladder", name)[1] for name in ("source", "180p", "audio")}
    case.note(f"discontinuities at {cuts['source']}")
    expect(len({tuple(c) for c in cuts.values()}) == 1, f"renditions disagree: {cuts}")
    return server, cuts["source"]


@test(timeout=90, alone=True)
def rtmp_publisher_away_for_a_second(case):
    _, cuts = watched_by_players(case, 1, "rtmp", "rtmp")
    expect(1 <= len(cuts) <= 2, f"discontinuities at {cuts}")


@test(timeout=90, alone=True)
def rtmp_publisher_away_for_five_seconds(case):
    server, cuts = watched_by_players(case, 5, "rtmp", "rtmp")
    expect(len(cuts) == 2, f"discontinuities at {cuts}")
    expect(not server.metric("millrace_channel_filling", channel="ladder"), "it still fills")


@test(timeout=90, alone=True)
def srt_publisher_away_for_five_seconds(case):
    watched_by_players(case, 5, "srt", "srt")


@test(timeout=100, alone=True)
def publisher_back_over_another_protocol_after_twelve_seconds(case):
    watched_by_players(case, 12, "rtmp", "srt")


@test(timeout=240, alone=True)
def publishers_away_in_every_other_way(case):
    """What the tests above leave out; some minutes, so only with --long."""
    if not case.long:
        case.note("only with --long")
        return
    for away, before, after in ((12, "rtmp", "rtmp"), (1, "srt", "srt"), (12, "srt", "srt"),
                                (5, "srt", "rtmp"), (1, "rtmp", "srt")):
        case.note(f"{before} to {after} after {away} s")
        watched_by_players(case, away, before, after)


@test(timeout=90, alone=True)
def av1_source_is_held_in_av1(case):
    """Shaka cannot change to another codec within a rendition."""
    server = case.server(LADDER)
    paced = publishers.av1(case, server, "secret-ladder", 30.0)
    server.wait_playable("ladder", renditions=2)
    wait_for(lambda: len(discontinuities(server, "ladder", "180p")[0].segments) >= 4, 20,
             "a window")
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/holding.html?url={server.url('ladder')}&rungs=2")
        wait_for(lambda: len(players(browser)) == 3 and all(p.get("begun") for p in
                                                            players(browser)), 30, "three players")
        time.sleep(2)
        at_first = players(browser)
        paced.sender.close()
        wait_for(lambda: server.channels()["ladder"]["holding"], 10, "the picture to be held")
        held = {r["name"]: r["codecs"] for r in server.channels()["ladder"]["renditions"]}
        time.sleep(3)
        publishers.send_enhanced(case, server, "secret-ladder", 10.0)
        wait_for(lambda: not server.channels()["ladder"]["holding"], 10, "the source to be back")
        time.sleep(6)
        seen = players(browser)
    expect(held["source"].startswith("av01.") and held["180p"].startswith("avc1."), f"{held}")
    for player, earlier in zip(seen, at_first):
        expect(not player["errors"], f"{player['name']}: {player['errors']}")
        expect(player["stood"] == earlier["stood"], f"{player['name']} stood still")
        expect(player["time"] - earlier["time"] > 9, f"{player['name']} did not go on")


@test(timeout=90, alone=True)
def publisher_that_stands_still_is_held_and_goes_on(case):
    """Its connection stays, as a phone's without a network; then everything comes at once."""
    server = case.server(LADDER)
    publisher = publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    wait_for(lambda: len(discontinuities(server, "ladder", "180p")[0].segments) >= 3, 20,
             "a window")
    check = Check(server.url("ladder"), 17.0, True, False)
    follow = threading.Thread(target=check.run)
    follow.start()
    time.sleep(2)
    publisher.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: server.channels()["ladder"]["holding"], 5, "the picture to be held")
    expect(server.channels()["ladder"]["state"] == "live", "the publisher has not gone")
    time.sleep(4)
    publisher.process.send_signal(signal.SIGCONT)
    wait_for(lambda: not server.channels()["ladder"]["holding"], 8, "the source to be back")
    follow.join()
    broken = [l for l in check.report.lines() if l.startswith("FAIL") and "BR-02" not in l]
    expect(not broken, "\n".join(broken))
    pauses = {f.where: max(b - a for (a, *_), (b, *_) in zip(f.edges, f.edges[1:]))
              for f in check.followers}
    case.note("longest pauses " + ", ".join(f"{k} {v:.2f} s" for k, v in pauses.items()))
    expect(max(pauses.values()) < 2.0, f"playlists stood for {pauses}")
    lags = check.followers[0].lags
    expect(abs(lags[-1] - lags[0]) < 0.6, f"the edge was {lags[0]:.2f} s late, is {lags[-1]:.2f}")
    expect(publisher.running(), f"the publisher was cut: {publisher.text()}")


@test(timeout=60)
def slate_is_shown_while_the_source_is_away(case):
    slate = case.folder / "slate.png"
    made = case.run("slate", ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
                              "color=c=red:s=320x320", "-frames:v", "1", slate])
    expect(made.wait(20) == 0, made.text())
    server = case.server({**LADDER, "transcode": {"hold": "slate", "slate": str(slate)}})
    publisher = publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    rung = f"{server.base}/live/ladder/180p/index.m3u8"
    httpc.fetch(rung)
    publisher.stop(signal.SIGKILL)

    def held():
        httpc.fetch(rung)  # Nothing is held for nobody.
        return server.channels()["ladder"]["holding"]

    wait_for(held, 10, "the slate")
    time.sleep(3)
    for name, width in (("180p", 320), ("source", 640)):
        red, left = picture_of(case, f"{server.base}/live/ladder/{name}/index.m3u8", width)
        expect(red[0] > 180 and red[1] < 70 and red[2] < 70, f"{name}: the middle is {red}")
        expect(max(left) < 40, f"{name}: the border is {left}")


def picture_of(case, url, width):
    """The middle pixel and one at the left of the newest picture, as RGB."""
    height = width * 9 // 16
    path = case.folder / f"picture{width}.rgb"
    read = case.run("read", ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-live_start_index",
                             "-1", "-i", url, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt",
                             "rgb24", path])
    expect(read.wait(20) == 0, read.text())
    data = path.read_bytes()

    def pixel(x, y):
        return tuple(data[3 * (y * width + x):][:3])

    return pixel(width // 2, height // 2), pixel(8, height // 2)


@test(timeout=60)
def show_ends_after_the_grace_and_another_begins(case):
    """A clean end for who watches, and a new show on the same name for who reloads."""
    server = case.server({**LADDER, "limits": {"grace": "3s"}})
    publisher = publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    wait_for(lambda: len(discontinuities(server, "ladder", "180p")[0].segments) >= 2, 20,
             "a window")
    publisher.stop(signal.SIGKILL)
    names = ("source", "180p", "audio")

    def ended():
        return all("#EXT-X-ENDLIST" in httpc.fetch(
            f"{server.base}/live/ladder/{name}/index.m3u8").text for name in names)

    wait_for(ended, 10, "the end of every playlist")
    last = {name: discontinuities(server, "ladder", name)[0].segments[-1] for name in names}
    expect(len({segment.msn for segment in last.values()}) == 1, f"they end at {last}")
    time.sleep(1)
    publishers.ffmpeg_small(case, server, "secret-ladder")
    wait_for(lambda: "#EXT-X-ENDLIST" not in httpc.fetch(
        f"{server.base}/live/ladder/source/index.m3u8").text, 10, "the new show")
    server.wait_playable("ladder", renditions=3)
    judge(case, server, "ladder", 6.0)
    first = discontinuities(server, "ladder", "source")[0].segments[0]
    expect(first.msn > last["source"].msn, f"{first.msn} after {last['source'].msn}")


@test(timeout=90, on="release")
def show_after_the_grace_plays_through_a_caching_nginx(case):
    """Away for longer than the grace: who comes through the cache sees the end, then the new show."""
    server = case.server(LADDER)
    edge = caches.nginx(case, server).base
    playlist = f"{edge}/live/ladder/source/index.m3u8"
    publisher = publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    report = Check(f"{edge}/live/ladder/index.m3u8", 6.0, True, False).run()
    broken = [l for l in report.lines() if l.startswith("FAIL")]
    expect(not broken, "\n".join(broken))
    publisher.stop(signal.SIGKILL)
    gone = time.monotonic()
    wait_for(lambda: "#EXT-X-ENDLIST" in httpc.fetch(playlist).text, 25, "the end of the show", 0.5)
    case.note(f"the end came {time.monotonic() - gone:.1f} s after the publisher went")
    time.sleep(max(0.0, 20 - (time.monotonic() - gone)))
    publishers.ffmpeg_small(case, server, "secret-ladder")

    def new_show():
        text = httpc.fetch(playlist).text
        return "#EXTINF" in text and "#EXT-X-ENDLIST" not in text

    wait_for(new_show, 15, "the new show", 0.5)
    server.wait_playable("ladder", renditions=3)
    for name in ("source", "180p", "audio"):
        said = decode.ffmpeg_reads(f"{edge}/live/ladder/{name}/index.m3u8", 2.0)
        expect(not said, said)
    report = Check(f"{edge}/live/ladder/index.m3u8", 6.0, True, False).run()
    broken = [l for l in report.lines() if l.startswith("FAIL")]
    expect(not broken, "\n".join(broken))


@test(timeout=60)
def second_publisher_is_refused_where_takeover_is_off(case):
    server = case.server({"limits": {"takeover": False}})
    first = publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    second = publishers.ffmpeg_small(case, server, "secret-one")
    expect(second.wait(15) != 0, "ffmpeg does not mind")
    expect(first.running(), f"the first was cut: {first.text()}")
    first.stop(signal.SIGKILL)
    time.sleep(0.5)
    publishers.ffmpeg_small(case, server, "secret-one")
    wait_for(lambda: server.channels()["one"]["state"] == "live", 10, "the next one to be live")
