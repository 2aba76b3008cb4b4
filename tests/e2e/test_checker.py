"""The checker's own tests, so that a verdict of it means something; and its command."""
import json
import ssl
import sys

import mock_origin
from certificates import Certificates
from harness import HERE, ROOT, expect, free_port, test
from test_http2 import live_server


@test(timeout=110)
def checker_finds_what_is_broken(case):
    tool = case.run("selftest", [sys.executable, HERE / "llhls_selftest.py"])
    code = tool.wait(100)
    expect(code == 0, tool.text())
    case.note(tool.text().strip().splitlines()[-1])


def start(case, url, *options):
    return case.run("check_hls", [sys.executable, ROOT / "scripts/check_hls.py", url, *options])


def end(tool, code, *words):
    """What it printed, which has these words, once it ended with `code`."""
    got = tool.wait(60)
    expect(got == code, f"exit code {got}, not {code}: {tool.command} {tool.text()}")
    for word in words:
        expect(word in tool.text(), f"{word!r} is not in {tool.text()}")
    return tool.text()


@test(timeout=90)
def checker_command_tells_what_it_saw(case):
    certificates = Certificates(case)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.keys()["certificate"], certificates.keys()["key"])
    tls.set_alpn_protocols(["h2", "http/1.1"])
    ca = str(certificates.trusted / "ca.pem")
    origins = [mock_origin.Origin(), mock_origin.Origin(tls=tls), mock_origin.Origin(["old_brand"]),
               mock_origin.Origin(mutate=lambda text: text + "#EXT-X-ENDLIST\n")]
    good, secure, broken, ended = [origin.url for origin in origins]
    written = case.folder / "verdict.json"
    short = ("--seconds", "3", "--no-probes", "--lenient-timing")
    try:
        # Those that watch run beside each other; the others end at once.
        watching = [
            (start(case, f"{secure}?token=a%2Fb", "--ca", ca, "--lenient-timing", "--json", written,
                   "--seconds", "5"), 0, ["0 broken"]),
            (start(case, broken, *short), 1, ["FAIL CMAF-01"]),
            (start(case, origins[0].media_url(), *short, "--all"), 0,
             ["not judged MV-01", "one media playlist"])]
        base = good.replace("/live/mock/index.m3u8", "")
        for url, word in ((secure, "not trusted"), (f"{base}/live/nobody/index.m3u8", "404"),
                          (f"{base}/live/mock/360p/init.mp4", "no HLS playlist"),
                          (ended, "ended"), (f"{good[:4]}x://h/", "no http"),
                          (f"http://127.0.0.1:{free_port()}/", "cannot be reached")):
            end(start(case, url, *short), 2, word)
        end(start(case, good, "--ca", case.folder / "nothing.pem"), 2, "nothing.pem")
        end(start(case, good, "--seconds", "0"), 2, "--seconds")
        for tool, code, words in watching:
            end(tool, code, *words)
    finally:
        for origin in origins:
            origin.stop()
    verdict = json.loads(written.read_text())
    rules = {rule["rule"]: rule for rule in verdict["rules"]}
    expect(verdict["good"] and rules["HTTP-22"]["verdict"] == "ok" and
           rules["HTTP-17"]["verdict"] == "ok", f"{rules['HTTP-22']} {rules['HTTP-17']}")
    expect(rules["MAN-07"]["verdict"] == "not judged" and rules["MAN-07"]["why"], "MAN-07")


@test(timeout=60, alone=True)
def checker_judges_a_channel_over_https(case):
    server, certificates = live_server(case)
    url = f"https://127.0.0.1:{server.https_port}/live/one/index.m3u8"
    text = end(start(case, url, "--ca", certificates.trusted / "ca.pem", "--seconds", "12",
                     "--lenient-timing"), 0, "0 broken")
    case.note(text.strip().splitlines()[-1])
