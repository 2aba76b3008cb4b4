"""A webhook decides who may publish: right, wrong, slow, dead and lying."""
import http.server
import json
import re
import ssl
import subprocess
import threading
import time

import publishers
from harness import ROOT, expect, test, wait_for
from test_publish import PRODUCT
from test_rtmps import Certificates

SECRET = "shared-with-the-platform"


def example(language):
    """The program of that language in docs/publishing.md that checks a signature."""
    text = (ROOT / "docs/publishing.md").read_text()
    return re.search(rf"```{language}\n([#/]+ Webhook\n.*?)```", text, re.DOTALL).group(1)


class Platform:
    """A webhook of the platform's. `answer(body)` gives status and text; None: never."""

    def __init__(self, answer, certificates=None):
        self.asked, self.answer, self.ended = [], answer, threading.Event()
        platform = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                platform.asked.append((self.headers.get("Millrace-Signature", ""), body))
                answer = platform.answer(json.loads(body))
                if answer is None:
                    platform.ended.wait(60)
                    return
                status, text = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.folder / "server.pem",
                                    certificates.folder / "server.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = (f"{'https' if certificates else 'http'}://localhost:"
                    f"{self._server.server_port}/publish")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def bodies(self):
        return [json.loads(body) for _, body in self.asked]

    def end(self):
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ended.is_set():
            self.end()


def settings(url, **options):
    return {"auth": {"webhook": {"url": url, "secret": SECRET, **options}}}


def outcomes(server, outcome):
    return server.metric("millrace_auth_webhook_requests_total", outcome=outcome)


def refused(case, server, key, words=""):
    tool = publishers.ffmpeg_small(case, server, key)
    expect(tool.wait(20) != 0, f"{key}: it was let in")
    expect(words in tool.text(), f"{words} is not in {tool.text()!r}")


@test(timeout=60)
def webhook_names_channel_ladder_and_limits(case):
    """Signed; the programs of the documentation say that it is so."""
    grant = {"allow": True, "channel": "shop", "ladder": "source-only",
             "limits": {"bitrate": "20M", "height": 360}}
    with Platform(lambda body: (200, json.dumps(grant))) as platform:
        server = case.server(settings(platform.url))
        tool = publishers.ffmpeg_small(case, server, "opaque-1F?token=a%20b")
        found = server.wait_playable("shop", renditions=2)
        expect([one["name"] for one in found["renditions"]] == ["source", "audio"], str(found))
        asked = platform.bodies()[0]
        expect(asked["key"].startswith("opaque-1F") and asked["protocol"] == "rtmp", str(asked))
        expect(asked["parameters"] == {"token": "a b"}, str(asked))
        expect(tool.running(), tool.text())
        signature, body = platform.asked[0]
        names = {}
        exec(example("python"), names)
        expect(names["is_from_millrace"](signature, body, SECRET), "Python: wrong signature")
        expect(not names["is_from_millrace"](signature, body + b" ", SECRET), "Python takes all")
        program = case.folder / "check.js"
        program.write_text(example("javascript") + "const [, , header, body, secret] = process.argv;"
                           "console.log(isFromMillrace(header, body, secret));")
        for text, wanted in ((body.decode(), "true"), (body.decode() + " ", "false")):
            said = subprocess.run(["node", program, signature, text, SECRET], capture_output=True,
                                  text=True, timeout=30, check=False)
            expect(said.stdout.strip() == wanted, f"JavaScript: {said}")
        for secret in ("opaque-1F", SECRET):
            expect(secret not in server.log(), f"{secret} is in the log")


@test(timeout=60)
def webhook_limits_hold(case):
    grant = {"allow": True, "channel": "shop", "limits": {"height": 200}}
    with Platform(lambda body: (200, json.dumps(grant))) as platform:
        server = case.server(settings(platform.url))
        refused(case, server, "a-key", "too large")
        expect(server.metric("millrace_publish_limited_total", channel="shop", limit="resolution") == 1,
               "the limit was not counted")


@test(timeout=60)
def webhook_says_no_to_rtmp_and_srt(case):
    with Platform(lambda body: (200, '{"allow":false,"reason":"the show is over"}')) as platform:
        server = case.server(settings(platform.url, negative_cache="1m"))
        refused(case, server, "a-key", "the show is over")
        tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "a-key")
        expect(tool.wait(20) != 0, "let in by SRT")
        wait_for(lambda: len(platform.asked) == 2, 5, "both to be asked about")
        before = len(platform.asked)
        refused(case, server, "a-key", "the show is over")
        expect(len(platform.asked) == before, "asked again within the cache's time")
        # What is refused from the cache has SRT's own code.
        tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "a-key")
        expect(tool.wait(20) != 0, "let in by SRT")
        expect(server.metric("millrace_srt_refused_total", code="1401") == 1, "no code 1401")
        expect("a-key" not in server.log(), "the key is in the log")


@test(timeout=60)
def webhook_lets_in_srt_late(case):
    """The handshake is over before the answer is there; nothing that came meanwhile is lost."""
    def answer(_):
        time.sleep(1.0)
        return 200, '{"allow":true,"channel":"shop"}'
    with Platform(answer) as platform:
        server = case.server(settings(platform.url))
        tool = publishers.srt_live_transmit(case, case.file(PRODUCT), server, "a-key")
        server.wait_playable("shop", renditions=2)
        expect(tool.running(), tool.text())


@test(timeout=60)
def webhook_that_hangs_delays_nobody_else(case):
    with Platform(lambda body: None) as platform:
        server = case.server(settings(platform.url, timeout="8s"))
        hanging = [publishers.ffmpeg_small(case, server, f"unknown-{i}") for i in range(3)]
        wait_for(lambda: len(platform.asked) >= 3, 10, "the questions")
        begun = time.monotonic()
        publishers.ffmpeg_small(case, server, "secret-one")
        server.wait_playable("one", renditions=2)
        took = time.monotonic() - begun
        case.note(f"a static key was playable after {took:.1f} s beside {len(platform.asked)} "
                  "questions that hang")
        expect(took < 6, f"it took {took:.1f} s")
        for tool in hanging:
            expect(tool.wait(20) != 0, "let in by no answer")
        expect(server.metric("millrace_auth_denied_total", why="webhook") == 0,
               "a webhook that hangs counts as a wrong key")


@test(timeout=90)
def webhook_that_dies_lets_in_whom_it_knew(case):
    with Platform(lambda body: (200, '{"allow":true,"channel":"shop"}')) as platform:
        server = case.server(settings(platform.url, cache="0s", timeout="1s"))
        first = publishers.ffmpeg_small(case, server, "known-key")
        server.wait_playable("shop", renditions=2)
        first.stop()
        platform.end()
        publishers.ffmpeg_small(case, server, "known-key")
        wait_for(lambda: server.channels()["shop"]["state"] == "live", 15, "the known key")
        for i in range(6):
            refused(case, server, f"unknown-{i}")
        expect(server.metric("millrace_auth_webhook_breaker_open") == 1, "no breaker")
        expect(outcomes(server, "down") >= 5, "failures were not counted")
        publishers.ffmpeg_small(case, server, "secret-one")
        server.wait_playable("one", renditions=2)


@test(timeout=60)
def webhook_that_lies_lets_nobody_in(case):
    lies = iter([(200, "<html>"), (200, '{"allow":"yes"}'), (302, '{"allow":true}'),
                 (200, '{"allow":true,"channel":"../../etc"}'), (200, "[" * 60000),
                 (200, '{"allow":true,"x":"' + "x" * 70000 + '"}'),
                 (200, '{"allow":true,"channel":"shop","ladder":"huge"}')])
    with Platform(lambda body: next(lies)) as platform:
        server = case.server(settings(platform.url))
        for i in range(7):
            refused(case, server, f"some-key-{i}")
        expect(outcomes(server, "malformed") == 7, f"malformed {outcomes(server, 'malformed')}")
        expect(outcomes(server, "allowed") == 0, "a lie was believed")
        publishers.ffmpeg_small(case, server, "secret-one")
        server.wait_playable("one", renditions=2)


@test(timeout=60)
def webhook_over_https_is_verified(case):
    certificates = Certificates(case)
    with Platform(lambda body: (200, '{"allow":true,"channel":"shop"}'), certificates) as platform:
        untrusting = case.server(settings(platform.url))
        refused(case, untrusting, "a-key")
        expect(outcomes(untrusting, "down") == 1, "a certificate of nobody's was taken")
        expect(not platform.asked, "the key was told to a server that cannot be trusted")
        untrusting.stop()
        trusting = case.server(settings(platform.url,
                                        ca_file=str(certificates.trusted / "ca.pem")))
        publishers.ffmpeg_small(case, trusting, "a-key")
        trusting.wait_playable("shop", renditions=2)


@test(timeout=60)
def report_is_told_to_the_platform(case):
    """What is wrong with a stream, when it begins and when it is over; a server that fails first is
    told again."""
    answers = iter([(503, "")])
    with Platform(lambda body: next(answers, (200, ""))) as platform:
        server = case.server({"events": {"webhook": {"url": platform.url, "secret": SECRET}}})
        tool = publishers.ffmpeg_small(case, server, "secret-one", audio=False)

        def codes():
            return [[finding["code"] for finding in body["findings"]]
                    for body in platform.bodies()]
        wait_for(lambda: len(codes()) >= 2, 30, "the report, twice")
        expect("no_audio" in codes()[0] and codes()[0] == codes()[1], f"{codes()}")
        names = {}
        exec(example("python"), names)
        expect(all(names["is_from_millrace"](signature, body, SECRET)
                   for signature, body in platform.asked), "wrong signature")
        tool.stop()
        wait_for(lambda: codes()[-1] == [], 20, "the end of the report")
        expect(platform.bodies()[-1]["channel"] == "one", f"{platform.bodies()[-1]}")
        expect(server.metric("millrace_event_webhook_total", outcome="failed") == 1, "not counted")

