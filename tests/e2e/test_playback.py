"""Signed playback: players with both forms of a URL, refusals, and a cache in front."""
import json
import re
import shutil
import subprocess
import sys
import time

import decode
import httpc
import publishers
from browser import Browser
from harness import ROOT, Skip, expect, free_port, test, wait_for
from pages import Pages
from test_players import fatal_or_decode, snapshot, wait_playing

SECRET = "an-example-of-a-playback-secret"
SIGNED = {"playback": {"access": "signed", "signing_keys": ["newer-secret-of-rotation", SECRET]},
          "channels": {"one": {"keys": ["secret-one"], "ladder": "none"},
                       "two": {"keys": ["secret-two"], "ladder": "none",
                               "playback": {"access": "open"}}}}


def example(language, what=""):
    """The first program of that language in docs/playback.md that has `what` in it."""
    text = (ROOT / "docs/playback.md").read_text()
    programs = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return next(program for program in programs if what in program)


def printed(*command):
    done = subprocess.run([str(word) for word in command], timeout=60, capture_output=True,
                          text=True, check=False)
    expect(done.returncode == 0, f"{command[0]} says {done.stderr}")
    return done.stdout.strip()


def path_of_python(channel="one", seconds="6 * 3600"):
    return printed(sys.executable, "-c", example("python").replace("6 * 3600", str(seconds)),
                   channel, SECRET)


def token_of(path):
    return path.split("/")[2]


def refused(server, reason):
    return server.metric("millrace_playback_refused_total", reason=reason)


@test(timeout=120, alone=True)
def browsers_play_signed_urls_of_both_forms(case):
    """The page with hls.js by the path and by the query, Shaka from another origin by the query,
    and what a viewer without a token sees."""
    server = case.server(SIGNED)
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    path = path_of_python()
    by_query = printed(case.build / "millrace", "sign-playback", "--config",
                       case.folder / "server0.yaml", "--channel", "one", "--server", server.base,
                       "--query")
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=one")
        wait_for(lambda: "signed link" in snapshot(browser).get("message", ""), 15, "the message")

        browser.console.clear()  # It said 403.
        browser.goto(f"{server.base}/?channel=one&token={token_of(path)}")
        state = wait_playing(browser, 30)
        expect(not fatal_or_decode(state), str(fatal_or_decode(state)))

        browser.requests.clear()
        browser.evaluate(f"void millrace.player.hls.loadSource({json.dumps(by_query)})")
        below = f"/s/{by_query.partition('token=')[2]}/live/one/"
        wait_for(lambda: any(below in url and url.endswith(".m4s") for url in browser.requests),
                 15, "parts below the query's token")
        time.sleep(1)
        at = snapshot(browser)["time"]
        wait_for(lambda: snapshot(browser)["time"] > at + 1, 15, "hls.js to go on by the query")
        expect(not browser.exceptions(), str(browser.exceptions()))

        browser.goto(f"{pages.base}/shaka.html?url={by_query}")
        wait_for(lambda: browser.evaluate("window.seen && (seen.loaded || seen.errors.length)"),
                 30, "Shaka to load")
        wait_for(lambda: browser.evaluate("look()")["time"] > 0, 20, "Shaka to play")
        # A page of another origin sees what it is refused for.
        seen = browser.evaluate(
            f"fetch('{server.url()}').then(async (r) => `${{r.status}} ${{await r.text()}}`)")
        expect(seen.startswith("403 this channel plays with a signed URL only"), str(seen))
    expect(SECRET not in server.log() and token_of(path) not in server.log(), "a secret is logged")


@test(timeout=90, alone=True)
def a_token_is_renewed_in_mid_show(case):
    """hls.js goes on past the end of its first token, by the program of docs/playback.md."""
    server = case.server(SIGNED)
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    program = example("javascript", "xhrSetup").replace("const hls", "window.renewing")
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/renewing.html")
        wait_for(lambda: browser.evaluate("typeof Hls") == "function", 10, "hls.js")
        first, second = path_of_python(seconds=8), path_of_python()
        browser.evaluate(f"""void (() => {{
            const firstToken = {json.dumps(token_of(first))};
            window.fatal = [];
            {program.replace("let token", "window.token").replace("${token}", "${window.token}")}
            renewing.on(Hls.Events.ERROR, (_, data) => data.fatal && fatal.push(data.details));
            renewing.loadSource({json.dumps(server.base + first)});
            renewing.attachMedia(document.getElementById("video"));
            renewing.on(Hls.Events.MANIFEST_PARSED, () => document.getElementById("video").play());
        }})()""")
        position = "document.getElementById('video').currentTime"
        wait_for(lambda: browser.evaluate(position) > 0.5, 7, "hls.js to play by the first token")
        browser.evaluate(f"void (window.token = {json.dumps(token_of(second))})")
        wait_for(lambda: httpc.fetch(server.base + first).status == 403, 10, "the first to end")
        at = browser.evaluate(position)
        wait_for(lambda: browser.evaluate(position) > at + 3, 15, "hls.js to go on")
        expect(not browser.evaluate("fatal"), str(browser.evaluate("fatal")))


@test(timeout=60)
def ffmpeg_plays_signed_urls_and_nothing_else_is_there(case):
    server = case.server(SIGNED)
    publishers.ffmpeg_small(case, server, "secret-one")
    publishers.ffmpeg_small(case, server, "secret-two")
    server.wait_playable("one", renditions=2)
    server.wait_playable("two", renditions=2)
    path = path_of_python()
    program = case.folder / "sign.js"
    program.write_text(example("javascript", "signedPath"))
    token = token_of(printed("node", program, "one", SECRET))
    for url in (server.base + path, f"{server.url()}?token={token}", server.url("two")):
        said = decode.ffmpeg_reads(url, seconds=2)
        expect(not said, f"FFmpeg says of {url}: {said}")
    playlist = httpc.fetch(f"{server.base}{path.replace('index', 'source/index')}").text
    part = re.findall(r'URI="(p[^"]*)"', playlist)[-2]
    for name in ("index.m3u8", "source/index.m3u8", f"source/{part}"):
        plain = f"{server.base}/live/one/{name}"
        late = server.base + path_of_python(seconds=-60).replace("index.m3u8", name)
        foreign = f"{server.base}/s/{token_of(path_of_python('two'))}/live/one/{name}"
        for url, words in ((plain, "signed URL only"), (late, "expired 6"),
                           (foreign, "signature is wrong")):
            answer = httpc.fetch(url)
            expect(answer.status == 403 and words in answer.text, f"{url}: {answer}")
            expect(answer.headers["cache-control"] == "no-store", str(answer.headers))
            expect(answer.headers["access-control-allow-origin"] == "*", str(answer.headers))
    for reason in ("missing", "expired", "bad_signature"):
        expect(refused(server, reason) == 3, f"{refused(server, reason)} {reason}")
    for url in (f"{server.base}/healthz", f"{server.base}/", f"{server.base}/api/v1/channels"):
        expect(httpc.fetch(url).status == 200, url)


def nginx_of_the_docs(case, server):
    """Its base address."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    if not shutil.which(binary):
        raise Skip("no nginx: scripts/setup test installs it")
    port, folder = free_port(), case.folder / "nginx"
    (folder / "cache").mkdir(parents=True)
    recipe = example("nginx").replace("/var/cache/nginx", f"{folder}/cache")
    recipe = recipe.replace("http://127.0.0.1:8080", server.base)
    recipe = recipe.replace("listen 8081;", f"listen 127.0.0.1:{port};\n"
                            "add_header X-Cache $upstream_cache_status;")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = folder / "nginx.conf"
    path.write_text(f"daemon off;\nmaster_process off;\npid {folder}/pid;\n"
                    f"error_log {folder}/error.log;\nevents {{ worker_connections 512; }}\n"
                    f"http {{\naccess_log off;\n{temporary}{recipe}}}\n")
    nginx = case.run("nginx", [binary, "-c", path, "-p", folder])
    base = f"http://127.0.0.1:{port}"

    def answers():
        expect(nginx.running(), f"nginx ended: {nginx.text()}")
        try:
            return httpc.fetch(f"{base}/healthz").status == 200
        except OSError:
            return False

    wait_for(answers, 10, "nginx to answer")
    return base


@test(timeout=60)
def one_copy_for_all_tokens_in_the_nginx_of_the_docs(case):
    server = case.server(SIGNED)
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    base = nginx_of_the_docs(case, server)
    mine, yours, late = path_of_python(), path_of_python(seconds=3600), path_of_python(seconds=-60)
    said = decode.ffmpeg_reads(base + mine, seconds=2)
    expect(not said, f"FFmpeg says: {said}")
    expect(httpc.fetch(base + late).status == 403, "an expired token")

    playlist = httpc.fetch(f"{base}{mine.replace('index', 'source/index')}").text
    segment = re.findall(r"^s.*\.m4s$", playlist, re.MULTILINE)[0]
    # First who may not: what it is told must not stand for the others.
    answers = [httpc.fetch(base + path.replace("index.m3u8", f"source/{segment}"))
               for path in (late, mine, yours, late)]
    expect([answer.status for answer in answers] == [403, 200, 200, 403], str(answers[0]))
    expect(answers[2].headers["x-cache"] == "HIT", str(answers[2].headers))
    expect(answers[1].body == answers[2].body, "another segment")
    expect(httpc.fetch(f"{base}{path_of_python('none')}").status == 404, "a channel not live")
    expect(httpc.fetch(f"{base}/live/one/index.m3u8").status == 403, "no token")
    moved = httpc.fetch(f"{base}/live/one/index.m3u8?token={token_of(mine)}")
    expect(moved.status == 302, f"{moved.status} for the token in the query")
    expect(moved.headers["location"] == f"../..{mine}", moved.headers["location"])
