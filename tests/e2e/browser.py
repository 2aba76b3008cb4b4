"""Debian's Chromium, driven over its own debugging pipe: no driver, no web socket, no download."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import harness

CHROMIUM = "/usr/bin/chromium"
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--disable-dev-shm-usage",
          "--remote-debugging-pipe", "--window-size=1280,900", "about:blank"]


class Browser:
    """One Chromium with one page. Use as a context manager."""

    def __init__(self, log_path, flags=()):
        harness.expect(os.path.exists(CHROMIUM), f"no {CHROMIUM}")
        self.profile = tempfile.mkdtemp(prefix="millrace-chromium-")
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
        script = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        command = ["bash", "-c", script, CHROMIUM, f"--user-data-dir={self.profile}", *flags,
                   *_FLAGS]
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, pass_fds=(to_read, to_write))
        os.close(to_read)
        os.close(to_write)
        self._lock, self._answers, self._next = threading.Condition(), {}, 0
        self.console, self.requests = [], []
        self._session = None
        threading.Thread(target=self._read, daemon=True).start()
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"],
                                  flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self._session = None
            self.call("Browser.close", timeout=5)
        except (harness.Failure, OSError):
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._out)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _read(self):
        pending = b""
        while True:
            try:
                piece = os.read(self._in, 1 << 16)
            except OSError:
                piece = b""
            if not piece:
                break
            *messages, pending = (pending + piece).split(b"\0")
            for message in messages:
                self._take(json.loads(message))
        with self._lock:
            self._answers["ended"] = True
            self._lock.notify_all()
        os.close(self._in)

    def _take(self, message):
        with self._lock:
            if "id" in message:
                self._answers[message["id"]] = message
                self._lock.notify_all()
            elif message["method"] == "Runtime.consoleAPICalled":
                arguments = message["params"]["args"]
                words = [str(a.get("value", a.get("description"))) for a in arguments]
                self.console.append((message["params"]["type"], " ".join(words)))
            elif message["method"] == "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.console.append(("exception", details.get("exception", {}).get(
                    "description", details["text"])))
            elif message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])

    def call(self, method, timeout=20.0, **parameters):
        with self._lock:
            self._next += 1
            number = self._next
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        with self._lock:
            while number not in self._answers:
                left = deadline - time.monotonic()
                if left <= 0 or self._answers.get("ended"):
                    raise harness.Failure(f"Chromium gave no answer to {method}")
                self._lock.wait(left)
            answer = self._answers.pop(number)
        if "error" in answer:
            raise harness.Failure(f"Chromium: {method}: {answer['error']}")
        return answer["result"]

    def goto(self, url):
        result = self.call("Page.navigate", url=url)
        harness.expect("errorText" not in result, f"{url}: {result.get('errorText')}")

    def evaluate(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise harness.Failure("in the page: " + details.get("exception", {}).get(
                "description", details["text"]))
        return result["result"].get("value")

    def exceptions(self):
        with self._lock:
            return [text for kind, text in self.console if kind in ("exception", "error")]

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
