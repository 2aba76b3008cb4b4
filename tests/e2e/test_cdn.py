"""The documented caches carry a crowd at the live edge, and check-cdn tells good ones from bad."""
import json
import subprocess

import caches
import crowd
import publishers
from harness import expect, test, wait_for
from test_rtmps import Certificates

PATH = "/live/one/source/index.m3u8"
PLAYERS = 200
WATCHED = 6.0  # Seconds.


def live(case, settings=None):
    server = case.server(settings)
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    return server


def start_check(case, url, *arguments):
    return subprocess.Popen([str(case.build / "millrace"), "check-cdn", "--json", url, *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_check(running, good):
    """Verdicts by the check's name, once it has ended with the exit code that it must have."""
    output, errors = running.communicate(timeout=60)
    expect(output, f"check-cdn said nothing but {errors}")
    report = json.loads(output)
    failed = [c for c in report["checks"] if c["verdict"] == "FAIL"]
    expect(report["good"] == good and running.returncode == (0 if good else 1),
           f"exit code {running.returncode}: {failed or report['checks']}")
    return {c["check"]: c["verdict"] for c in report["checks"]}


def requests(server):
    return {kind: server.metric("millrace_http_requests_total", kind=kind)
            for kind in ("playlist", "part")}


def carries_a_crowd(case, server, cache, latest):
    """Two hundred players, none with an error; the origin is asked once for each part; most of the
    players are at most `latest` seconds behind who asks the origin itself."""
    before = requests(server)
    port = int(cache.base.rpartition(":")[2])
    (players,), direct = crowd.watch(PATH, [port], PLAYERS, WATCHED, server.http_port)
    asked = {kind: count - before[kind] for kind, count in requests(server).items()}
    errors = [error for player in [*players, direct] for error in player.errors]
    expect(not errors, f"{len(errors)} errors, such as {errors[:3]}")
    parts = len({part for player in players for part in player.seen})
    reloads = sum(player.reloads for player in players)
    expect(parts >= 5 and reloads > 0.5 * PLAYERS * parts, f"{reloads} reloads of {parts} parts")
    playlists = asked["playlist"] - direct.reloads
    # The playlists without arguments with which players begin, and one that was in between.
    for kind, count in (("playlist", playlists), ("part", asked["part"])):
        expect(count <= 1.3 * parts + 10, f"the origin had {count} requests for {kind}s of {parts}")
    late = crowd.lateness(players, direct)
    middle, most = late[len(late) // 2], late[int(0.95 * (len(late) - 1))]
    case.note(f"{reloads} reloads and {sum(p.parts for p in players)} parts to {PLAYERS} players, "
              f"{playlists:.0f} and {asked['part']:.0f} from the origin for {parts} parts; "
              f"{1000 * middle:.0f} ms later than directly, 95%: {1000 * most:.0f} ms")
    expect(most <= latest, f"95% are {most:.2f} s later than directly")


@test(timeout=60, alone=True)
def nginx_as_documented_carries_a_crowd(case):
    """nginx looks for what another request fetches twice a second: hence parts of 500 ms."""
    certificates = Certificates(case)
    server = live(case, {"packager": {"part": "500ms"}})
    cache = caches.nginx(case, server, (certificates.folder / "server.pem",
                                        certificates.folder / "server.key"))
    carries_a_crowd(case, server, cache, 0.8)
    verdicts = end_check(start_check(
        case, f"{cache.tls_base}/live/one/index.m3u8", "--ca",
        str(certificates.trusted / "ca.pem"), "--origin", server.url()), True)
    expect(verdicts["http2"] == "ok" and verdicts["held"] == "ok", f"{verdicts}")


@test(timeout=60, alone=True)
def varnish_as_documented_carries_a_crowd(case):
    server = live(case)
    cache = caches.varnish(case, server)
    carries_a_crowd(case, server, cache, 0.2)
    verdicts = end_check(start_check(case, f"{cache.base}/live/one/index.m3u8", "--origin",
                                     server.url()), True)
    expect(verdicts["coalesced"] == "ok" and verdicts["age"] == "ok", f"{verdicts}")


@test(timeout=60)
def check_cdn_says_what_is_wrong_with_a_cache(case):
    server = live(case)
    key = ('"$uri?$arg__hls_msn&$arg__hls_part&$arg__hls_skip $millrace_coding"')
    bad = {
        "key": caches.nginx(case, server, changes={key: "$uri"}),
        "long-hold": caches.nginx(case, server,
                                  changes={"proxy_read_timeout 60s": "proxy_read_timeout 1s"}),
        "stale": caches.nginx(case, server, changes={
            "proxy_ignore_headers Vary;":
                "proxy_ignore_headers Vary Cache-Control; proxy_cache_valid 200 10s;"}),
    }
    running = {what: start_check(case, cache.base + PATH) for what, cache in bad.items()}
    verdicts = {what: end_check(check, False) for what, check in running.items()}
    for what, found in verdicts.items():
        expect(found[what] == "FAIL", f"not {what}: {found}")
    # What is right about a cache is told too.
    expect(verdicts["long-hold"]["key"] == "ok" and verdicts["stale"]["held"] == "ok",
           f"{verdicts}")
    wait_for(lambda: server.metric("millrace_hls_parked_requests") == 0, 10, "no request to wait")
