"""A show that is over: vod.m3u8, with the segments that it had, over the next shows and restarts."""
import subprocess
import urllib.parse

import decode
import httpc
from browser import Browser
from harness import expect, test, wait_for
from pages import Pages
from playlist import parse_multivariant
from rewinding import fetch_media, media_playlist, publish, with_dvr

VOD = "/live/one/vod.m3u8"


def show_of(server, channel="one"):
    """{rendition: file} of vod.m3u8; None while there is none."""
    answer = httpc.fetch(f"{server.base}/live/{channel}/vod.m3u8")
    if answer.status == 404:
        # Of a channel that is neither on air nor on disk there is no more to say.
        expect(len(answer.text) > 20 or answer.text == "no such channel\n",
               f"404 without a reason: {answer.text!r}")
        expect(answer.headers["cache-control"] == "public, max-age=1",
               f"404 is kept: {answer.headers}")
        return None
    expect(answer.status == 200, f"vod.m3u8: {answer.status} {answer.text}")
    found = parse_multivariant(answer.text)
    expect(not found.faults, f"vod.m3u8: {found.faults}")
    uris = [variant["URI"] for variant in found.variants] + [
        media["URI"] for media in found.media if "URI" in media]
    return dict(uri.split("/") for uri in uris)


def wait_for_show(server, but=None):
    return wait_for(lambda: (lambda found: found and found != but and found)(show_of(server)), 15,
                    "vod.m3u8 of the show that has ended", 0.2)


def check_show(server, show, seen=None):
    """All renditions' playlists of a show, judged; {rendition: text}."""
    texts, numbers = {}, {}
    for rendition, file in show.items():
        listed = media_playlist(server, rendition, file=file)
        expect(listed.playlist_type == "VOD" and listed.endlist, f"{file}: {listed.text[:300]}")
        for tag in ("EXT-X-PART", "EXT-X-PRELOAD-HINT", "EXT-X-SERVER-CONTROL", "EXT-X-PART-INF",
                    "EXT-X-RENDITION-REPORT"):
            expect(f"#{tag}:" not in listed.text, f"{rendition}/{file} has {tag}")
        numbers[rendition] = [segment.msn for segment in listed.segments]
        for segment in listed.segments:
            expect(segment.pdt_text, f"{segment.uri} has no date")
            if segment.gap:
                continue
            for uri in (segment.uri, segment.map_uri):
                answer = fetch_media(server, rendition, uri)
                expect(answer.status == 200, f"{rendition}/{uri}: {answer.status}")
                was = (seen or {}).setdefault((rendition, uri), answer.body)
                expect(was == answer.body, f"{rendition}/{uri} has other bytes than it had")
        texts[rendition] = listed.text
    expect(len({tuple(each) for each in numbers.values()}) == 1, f"numbers: {numbers}")
    return texts


def run_show(case, server, segments, seen):
    """Publishes for a while; then the publisher, still there."""
    publisher = publish(case, server)
    server.wait_playable("one", renditions=2)

    def is_long_enough():
        listed = {rendition: media_playlist(server, rendition, "?dvr")
                  for rendition in ("source", "audio")}
        for rendition, found in listed.items():
            for segment in found.segments[-6:]:
                if not segment.gap and (rendition, segment.uri) not in seen:
                    answer = fetch_media(server, rendition, segment.uri)
                    if answer.status == 200:
                        seen[rendition, segment.uri] = answer.body
        return len([segment for segment in listed["source"].segments]) >= segments
    wait_for(is_long_enough, 60, f"{segments} segments", 0.5)
    return publisher


@test(timeout=200)
def shows_that_are_over_stay_for_a_while(case):
    settings = with_dvr(case, "10m")
    server, seen = case.server(settings), {}
    publisher = run_show(case, server, 12, seen)
    expect(show_of(server) is None, "vod.m3u8 of a show that is on air")
    publisher.stop()
    first = wait_for_show(server)
    texts = check_show(server, first, seen)
    expect(texts["source"].count("#EXTINF") >= 12, texts["source"])
    redirect = httpc.fetch(f"{server.base}/live/one/source/vod.m3u8")
    expect(redirect.status == 302 and redirect.headers["location"] == first["source"],
           f"source/vod.m3u8: {redirect.status} {redirect.headers}")
    said = decode.ffmpeg_reads(server.base + VOD, seconds=60)
    expect(not said, f"ffmpeg: {said}")
    wait_for(lambda: httpc.fetch(server.url()).status == 404, 40, "the live window to go", 0.5)
    expect(httpc.fetch(f"{server.url()}?dvr").status == 404, "?dvr outlives the live window")
    expect(check_show(server, first, seen) == texts, "another text when the window has gone")

    # Another show is on air, and the server is killed in it.
    run_show(case, server, 20, seen)
    expect(show_of(server) == first, "another show while the next is on air")
    expect(check_show(server, first, seen) == texts, "another text while the next is on air")
    server.kill()
    case.servers.remove(server)
    case.tools[-1].stop()
    server = case.server(settings)
    second = wait_for_show(server, but=first)
    killed = check_show(server, second, seen)
    expect(check_show(server, first, seen) == texts, "another text after a crash")
    said = decode.ffmpeg_reads(server.base + VOD, seconds=60)
    expect(not said, f"ffmpeg: {said}")

    # The third ends with the server; before it there are some twenty segments of the others.
    run_show(case, server, 26, seen)
    expect(show_of(server) == second, "another show while the third is on air")
    server.stop()
    case.servers.remove(server)
    case.tools[-1].stop()
    server = case.server(settings)
    third = wait_for_show(server, but=second)
    check_show(server, third, seen)
    expect(check_show(server, second, seen) == killed, "another text after another restart")
    case.note(f"{len(seen)} objects of three shows: {sorted(first.values())[0]}, "
              f"{sorted(second.values())[0]}, {sorted(third.values())[0]}")


def watch_with(case, player):
    """From the first picture to the last."""
    server = case.server(with_dvr(case, "10m"))
    run_show(case, server, 10, {}).stop()
    show = wait_for_show(server)
    length = float(sum(segment.duration for segment in
                       media_playlist(server, "source", file=show["source"]).segments))
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        address = urllib.parse.quote(server.base + VOD, safe="")
        browser.goto(f"{pages.base}/rewinding.html?player={player}&url={address}")
        states = []

        def has_ended():
            state = browser.evaluate("window.look ? look() : null")
            if state:
                expect(not state["errors"], f"{player}: {state['errors']}")
                states.append(state)
                return state["ended"] and state
            return None
        end = wait_for(has_ended, length + 40, f"{player} to come to the end", 0.2)
    begun = next(state for state in states if state["frames"] > 0)
    expect(begun["time"] < 3, f"{player} begins at {begun['time']}")
    expect(abs(end["duration"] - length) < 1, f"{player}: {end['duration']} s of {length}")
    expect(end["frames"] >= 0.9 * 25 * length, f"{player}: {end['frames']} pictures of {length} s")
    case.note(f"{end['frames']} pictures in {end['duration']:.1f} s")


@test(timeout=150, on="both")
def hls_js_plays_a_show_that_is_over(case):
    watch_with(case, "hls")


@test(timeout=150, on="both")
def shaka_plays_a_show_that_is_over(case):
    watch_with(case, "shaka")


def curl(case, url, *arguments):
    """(status, headers, body) by curl."""
    head, body = case.folder / "head", case.folder / "body"
    for path in (head, body):
        path.unlink(missing_ok=True)
    done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", "-D", head, "-o",
                           body, "--write-out", "%{size_download}", *arguments, url],
                          capture_output=True, timeout=30, check=False)
    expect(done.returncode == 0, f"curl {arguments}: {done.stderr.decode()}")
    if "--head" in arguments:  # What it has written is the head.
        expect(done.stdout == b"0", f"curl {arguments}: a body of {done.stdout} bytes")
        body.unlink(missing_ok=True)
    lines = head.read_text("latin-1").splitlines()
    headers = {name.lower(): value.strip() for name, _, value in
               (line.partition(":") for line in lines[1:] if ":" in line)}
    return int(lines[0].split()[1]), headers, body.read_bytes() if body.exists() else b""


@test(timeout=120)
def curl_asks_for_segments_on_disk(case):
    server = case.server(with_dvr(case, "10m"))
    publisher = run_show(case, server, 8, {})
    publisher.stop()
    show = wait_for_show(server)
    wait_for(lambda: httpc.fetch(server.url()).status == 404, 40, "the live window to go", 0.5)
    before = server.metric("millrace_dvr_reads_total", outcome="ok")
    segment = media_playlist(server, "source", file=show["source"]).segments[2]
    url = f"{server.base}/live/one/source/{segment.uri}"
    status, headers, whole = curl(case, url)
    size = len(whole)
    expect(status == 200 and headers["content-length"] == str(size), f"GET: {status} {headers}")
    expect(headers["content-type"] == "video/mp4" and headers["accept-ranges"] == "bytes" and
           headers["cache-control"] == "public, max-age=3600, immutable", f"GET: {headers}")
    etag = headers["etag"]
    status, head, body = curl(case, url, "--head")
    head.pop("date"), headers.pop("date")
    expect(status == 200 and not body and head == headers, f"HEAD: {status} {head} {headers}")
    for asked, first, last in (("0-0", 0, 0), ("100-299", 100, 299), ("-50", size - 50, size - 1),
                               (f"{size - 10}-", size - 10, size - 1),
                               (f"10-{size + 99}", 10, size - 1)):
        status, headers, body = curl(case, url, "--range", asked)
        expect(status == 206 and headers["content-range"] == f"bytes {first}-{last}/{size}" and
               headers["content-length"] == str(last - first + 1) and
               body == whole[first:last + 1], f"range {asked}: {status} {headers}")
    status, headers, _ = curl(case, url, "--range", f"{size}-")
    expect(status == 416 and headers["content-range"] == f"bytes */{size}",
           f"beyond the end: {status} {headers}")
    status, headers, body = curl(case, url, "--header", f"If-None-Match: {etag}")
    expect(status == 304 and not body and headers["etag"] == etag, f"known: {status} {headers}")
    status, _, body = curl(case, url, "--header", 'If-None-Match: "other"')
    expect(status == 200 and body == whole, f"of another version: {status}")
    status, _, body = curl(case, url, "--range", "5-9", "--header", f"If-Range: {etag}")
    expect(status == 206 and body == whole[5:10], f"If-Range: {status}")
    status, _, body = curl(case, url, "--range", "5-9", "--header", 'If-Range: "other"')
    expect(status == 200 and body == whole, f"If-Range of another version: {status}")
    status, _, body = curl(case, f"{server.base}/live/one/source/{segment.map_uri}", "--head")
    expect(status == 200 and not body, f"HEAD of an init segment: {status}")
    for file in (VOD, f"/live/one/source/{show['source']}"):
        status, headers, text = curl(case, server.base + file)
        again, _, body = curl(case, server.base + file, "--header",
                              f"If-None-Match: {headers['etag']}")
        expect((status, again, body) == (200, 304, b""), f"{file}: {status} then {again}")
        packed = curl(case, server.base + file, "--compressed")
        expect(packed[1]["content-encoding"] == "gzip" and packed[2] == text, f"{file}: {packed[1]}")
    read = server.metric("millrace_dvr_reads_total", outcome="ok") - before
    expect(read >= 12, f"{read} objects were read from disk: they came from memory")


@test(timeout=120)
def channels_have_windows_of_their_own(case):
    folder = case.folder / "dvr"
    settings = with_dvr(case, "10m")
    settings["channels"] = {"two": {"keys": ["secret-two"], "ladder": "none", "dvr": "0s"}}
    server = case.server(settings)
    for key in ("secret-one", "secret-two"):
        publish(case, server, key)
    server.wait_playable("one", renditions=2)
    server.wait_playable("two", renditions=2)
    wait_for(lambda: len(media_playlist(server, "source", "?dvr").segments) >= 12, 40,
             "the window of the channel that has one", 0.5)
    without = media_playlist(server, "source", "?dvr", channel="two")
    expect(len(without.segments) <= 8, f"{len(without.segments)} segments without a window")
    expect(sorted(path.name for path in folder.iterdir()) == [".lock", "one"],
           f"in the folder: {list(folder.iterdir())}")
    for tool in case.tools:
        tool.stop()
    wait_for_show(server)
    expect(show_of(server, "two") is None, "a show of a channel of which nothing is kept")
    server.stop()
    case.servers.remove(server)

    # The other way round: what there was of the first goes at the start.
    settings["hls"]["dvr"]["window"] = "0s"
    settings["channels"]["two"]["dvr"] = "10m"
    server = case.server(settings)
    expect(show_of(server) is None, "a channel without a window has a show")
    publish(case, server, "secret-two")
    server.wait_playable("two", renditions=2)
    wait_for(lambda: len(media_playlist(server, "source", "?dvr", channel="two").segments) >= 12, 40,
             "the window of the channel that has one", 0.5)
    expect(not list(folder.glob("one/*/*")) and list(folder.glob("two/source/*.m4s")),
           f"in the folder: {list(folder.rglob('*'))}")
