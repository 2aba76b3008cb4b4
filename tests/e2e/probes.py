"""Single requests to a live origin: the decision table of blocking reload, HTTP's own rules.

Every function takes the URL of a live media playlist (or of the multivariant one) and a Report.
"""
import gzip
import http.client
import threading
import time
import urllib.parse

import http2
import httpc
import rules_http
import rules_other_media
import rules_playlist
from playlist import parse_media

_NETWORK = (OSError, http.client.HTTPException)
_OK = ("http/1.0 200", "http/1.1 200")
# By what a segment is.
_MEDIA_TYPES = {"fMP4": ("video/mp4", "audio/mp4", "video/iso.segment"), "MPEG-TS": ("video/mp2t",),
                "packed audio": ("audio/aac", "audio/mpeg", "audio/ac3", "audio/eac3"),
                "WebVTT": ("text/vtt",)}


def _current(url):
    return parse_media(httpc.fetch(url).text)


def _ask(url, query, timeout=20.0):
    return httpc.fetch(httpc.with_query(url, query), timeout=timeout)


def probe_blocking(url, report, where):
    """The whole table of blocking reloads; about three segments long."""
    _probe_at_once(url, report, where)
    _probe_refused(url, report, where)
    _probe_held(url, report, where)
    _probe_past_the_end(url, report, where)


def _probe_at_once(url, report, where):
    now = _current(url)
    first, last = now.msn, now.last_complete
    old = [("BR-08", f"_HLS_msn={first}"), ("BR-08", f"_HLS_msn={max(0, first - 50)}"),
           ("BR-08", "_HLS_msn=0"), ("BR-08", f"_HLS_msn={last}&_HLS_part=0"),
           ("BR-12", f"_HLS_msn={last}&token=abc&_HLS_other=1"),
           ("BR-12", f"_HLS_part=0&_HLS_msn={last}"), ("BR-12", "unknown=1")]
    for rule, query in old:
        answer = _ask(url, query)
        report.expect(answer.status == 200 and answer.waited < 0.8, rule, where,
                      f"?{query}: {answer.status} after {answer.waited:.2f} s")


def _probe_refused(url, report, where):
    last = _current(url).last_complete
    for rule, query in (("BR-06", f"_HLS_msn={last + 10}"), ("BR-06", f"_HLS_msn={last + 1000000}"),
                        ("BR-07", f"_HLS_msn={last + 1}&_HLS_part=500"),
                        ("BR-11", "_HLS_msn=abc"), ("BR-11", "_HLS_msn=-1"), ("BR-11", "_HLS_msn="),
                        ("BR-11", f"_HLS_msn={last}&_HLS_part=x"),
                        ("BR-11", "_HLS_msn=99999999999999999999999")):
        answer = _ask(url, query)
        report.prefer(answer.status == 400 and answer.waited < 0.8, rule, where,
                      f"?{query}: {answer.status} after {answer.waited:.2f} s, not 400 at once")
        report.expect(answer.status < 500, rule, where, f"?{query}: {answer.status}")
        report.prefer("access-control-allow-origin" in answer.headers, "HTTP-07", where,
                      f"{answer.status} without Access-Control-Allow-Origin")
    answer = _ask(url, "_HLS_part=0")
    report.expect(answer.status == 400, "BR-05", where, f"_HLS_part alone: {answer.status}")


def _probe_held(url, report, where):
    now = _current(url)
    if now.part_target is None:
        return
    last = now.last_complete
    answer = _ask(url, f"_HLS_msn={last + 1}")
    got = parse_media(answer.text)
    report.expect(answer.status == 200 and got.last_complete >= last + 1, "BR-01", where,
                  f"msn={last + 1} alone: {answer.status}, last complete {got.last_complete}")
    last = got.last_complete
    answer = _ask(url, f"_HLS_msn={last + 2}&_HLS_part=0")
    got = parse_media(answer.text)
    reached = (got.edge() or (0, 0)) >= (last + 2, 0)
    report.expect(answer.status == 200 and reached, "BR-14", where,
                  f"msn={last + 2}: {answer.status}, edge {got.edge()}")
    # Several clients, one answer (BR-10, BR-13).
    edge = got.edge()
    query, answers = f"_HLS_msn={edge[0]}&_HLS_part={edge[1] + 1}", []
    threads = [threading.Thread(target=lambda: answers.append(_ask(url, query))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.expect(len(answers) == 12 and all(a.status == 200 for a in answers), "BR-13", where,
                  f"12 holds: {[a.status for a in answers]}")
    report.prefer(len({_without_reports(a.text) for a in answers}) == 1, "BR-10", where,
                  "the same request was answered with different bytes")
    done = [a.header_at for a in answers]
    report.prefer(max(done) - min(done) < 0.25, "BR-13", where,
                  f"12 holds ended over {max(done) - min(done):.2f} s")


def _without_reports(text):
    """Rendition reports may be newer from one answer to the next (BR-10)."""
    return "\n".join(line for line in text.split("\n") if "RENDITION-REPORT" not in line)


def _probe_past_the_end(url, report, where):
    """A part number past the end of a closed segment is part 0 of the next (BR-04)."""
    now = _current(url)
    closed = [s for s in now.segments if s.parts]
    if not closed:
        return
    segment = closed[-1]
    past = len(segment.parts)
    # Of a closed segment, and of the open one while it is not known yet where it ends.
    for number, part in ((segment.msn, past), (now.last_complete + 1, past + 1)):
        answer = _ask(url, f"_HLS_msn={number}&_HLS_part={part}")
        got = parse_media(answer.text)
        edge = got.edge() or (got.last_complete, 0)
        report.expect(answer.status == 200 and edge >= (number + 1, 0), "BR-04", where,
                      f"part {part} of {number}: {answer.status}, edge {edge}")


def probe_delta(url, report, where):
    for query in ("_HLS_skip=YES", "_HLS_skip=v2"):
        full = _current(url)
        answer = _ask(url, query)
        again = _current(url)
        if not report.expect(answer.status == 200, "DU-09" if "v2" in query else "DU-01", where,
                             f"?{query}: {answer.status}"):
            continue
        if full.edge() == again.edge():  # Else a part came in between.
            rules_playlist.check_delta(parse_media(answer.text), full, report, where)


def probe_playlist_http(url, report, where):
    """Types, compression, caching, tags, methods of a playlist."""
    plain = httpc.fetch(url)
    kind = rules_http.content_type(plain)
    report.prefer(kind in rules_http.PLAYLIST_TYPES, "HTTP-02", where, f"Content-Type {kind!r}")
    report.expect("access-control-allow-origin" in plain.headers, "HTTP-06", where, "no CORS")
    report.expect("date" in plain.headers, "HTTP-14", where, "no Date")
    report.prefer("cache-control" in plain.headers, "HTTP-09", where, "no Cache-Control")
    report.expect("content-encoding" not in plain.headers, "HTTP-04", where,
                  "compressed for a client that asked for identity")
    age = _max_age(plain)
    parsed = parse_media(plain.text)
    if parsed.target_duration and age is not None:
        report.expect(age <= 1.5 * parsed.target_duration, "HTTP-08", where, f"max-age={age}")
        report.prefer(age <= max(1, parsed.target_duration / 2), "HTTP-08", where, f"max-age={age}")
    if parsed.target_duration and not parsed.endlist:
        rules_http.check_last_modified(plain, parsed.target_duration, report, where)
    zipped = httpc.fetch(url, {"Accept-Encoding": "gzip"})
    if report.expect(zipped.headers.get("content-encoding") == "gzip", "HTTP-03", where, "no gzip"):
        text = gzip.decompress(zipped.body).decode()
        report.expect(text.startswith("#EXTM3U"), "HTTP-03", where, "gzip of something else")
    report.prefer("accept-encoding" in zipped.headers.get("vary", "").lower(), "HTTP-05", where,
                  "no Vary: Accept-Encoding")
    for refused in ("gzip;q=0", "br", "identity"):
        answer = httpc.fetch(url, {"Accept-Encoding": refused})
        report.expect("content-encoding" not in answer.headers, "HTTP-04", where,
                      f"compressed for Accept-Encoding: {refused}")
    if plain.headers.get("etag", "").startswith('"') and zipped.headers.get("etag"):
        same_version = gzip.decompress(zipped.body) == plain.body
        report.expect(not same_version or plain.headers["etag"] != zipped.headers["etag"],
                      "HTTP-15", where, "one strong ETag for gzip and identity")
    probe_head(url, report, where)
    probe_preflight(url, report, where)


def _max_age(answer):
    for word in answer.headers.get("cache-control", "").replace(" ", "").split(","):
        if word.startswith("max-age="):
            return int(word[8:])
    return None


def probe_head(url, report, where):
    """HEAD has the headers of GET and no body, which is seen on the bare connection only."""
    base, target = httpc.split(url)
    host = f"Host: {urllib.parse.urlsplit(base).netloc}\r\n"
    head, body = _bare(base, f"HEAD {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n")
    report.expect(head[:12] in _OK and not body, "HTTP-12", where,
                  f"HEAD: {head[:40]!r} and {len(body)} bytes of body")
    report.expect("content-length:" in head and "content-type:" in head, "HTTP-12", where,
                  "HEAD without length or type")
    client = httpc.Client(base, retry=False)
    try:
        first, second = client.get(target), client.get(target)
        report.prefer(client.connection is not None, "HTTP-16", where, "connection not kept")
        for got in (first, second):
            report.expect(got.headers.get("transfer-encoding") == "chunked" or
                          int(got.headers.get("content-length", -1)) == len(got.body), "HTTP-13",
                          where, "Content-Length is not the body's")
    except _NETWORK as error:
        report.fail("HTTP-16", where, f"{type(error).__name__}: {error}")
    finally:
        client.close()


def _bare(base, request):
    """(header in lower case, body) of what comes back for a request as it is."""
    host, port = httpc.address(base)
    header, _, body = httpc.raw(host, port, request.encode(),
                                tls=base.startswith("https:")).partition(b"\r\n\r\n")
    return header.decode("latin-1").lower(), body


def probe_host(url, report, where):
    base, target = httpc.split(url)
    head, _ = _bare(base, f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n")
    report.prefer(head[:12] in ("http/1.0 400", "http/1.1 400"), "HTTP-24", where,
                  f"no Host: {head[:40]!r}")


def probe_http2(url, report, where):
    playlist = _current(url)
    can_hold = (playlist.server_control or {}).get("CAN-BLOCK-RELOAD") == "YES"
    http2.probe(url, f"_HLS_msn={playlist.last_complete + 2}" if can_hold else None, report, where)


def probe_tls(url, report, where):
    if url.startswith("https:"):
        with httpc.tls_socket(httpc.split(url)[0]) as connection:
            rules_http.check_tls(connection.version(), connection.cipher()[0], report, where)


def probe_preflight(url, report, where):
    answer = httpc.fetch(url, {"Origin": "http://example.test",
                               "Access-Control-Request-Method": "GET",
                               "Access-Control-Request-Headers": "range"}, method="OPTIONS")
    allowed = answer.headers.get("access-control-allow-headers", "").lower()
    report.prefer(answer.status in (200, 204) and ("range" in allowed or allowed == "*"), "HTTP-07",
                  where, f"preflight for Range: {answer.status}, {allowed!r}")


def probe_media_http(url, report, where):
    """Ranges, validators and headers of a finished segment."""
    playlist = _current(url)
    segment = next((s for s in reversed(playlist.segments) if not s.gap and not s.byte_range), None)
    if segment is None:
        return
    target = urllib.parse.urljoin(url, segment.uri)
    whole = httpc.fetch(target)
    size = len(whole.body)
    kind = rules_http.content_type(whole)
    types = _MEDIA_TYPES.get(rules_other_media.container(whole.body), (kind,))
    report.prefer(kind in types, "HTTP-02", where, f"Content-Type {kind!r}, not {types[0]}")
    rules_http.check_priority(httpc.fetch(url), whole, report, where)
    zipped = httpc.fetch(target, {"Accept-Encoding": "gzip"})
    report.prefer("content-encoding" not in zipped.headers, "HTTP-21", where, "media is compressed")
    report.prefer((_max_age(whole) or 0) >= 6 * (playlist.target_duration or 1), "HTTP-09", where,
                  f"segment with Cache-Control {whole.headers.get('cache-control')!r}")
    probe_head(target, report, where)
    cases = [("bytes=0-9", 206, (0, 9)), (f"bytes={size - 5}-", 206, (size - 5, size - 1)),
             ("bytes=-7", 206, (size - 7, size - 1)),
             (f"bytes=10-{size + 1000}", 206, (10, size - 1)), (f"bytes={size}-", 416, None)]
    if whole.headers.get("accept-ranges") == "bytes":
        for text, status, bounds in cases:
            _check_range(target, whole.body, text, status, bounds, report, where)
    else:
        report.warn("HTTP-11", where, "no Accept-Ranges: bytes")
    tag = whole.headers.get("etag")
    if report.prefer(tag, "HTTP-15", where, "no ETag on a segment"):
        again = httpc.fetch(target, {"If-None-Match": tag})
        report.expect(again.status == 304 and not again.body, "HTTP-15", where,
                      f"If-None-Match with its own ETag: {again.status}")
        other = httpc.fetch(target, {"If-None-Match": '"not-this"'})
        report.expect(other.status == 200, "HTTP-15", where, f"another ETag: {other.status}")
    report.expect(httpc.fetch(target).body == whole.body, "SEG-06", where, "refetch differs")


def _check_range(target, body, text, status, bounds, report, where):
    answer = httpc.fetch(target, {"Range": text})
    if not report.expect(answer.status == status, "HTTP-11", where,
                         f"Range: {text}: {answer.status}"):
        return
    content = answer.headers.get("content-range", "")
    if bounds is None:
        report.expect(content == f"bytes */{len(body)}", "HTTP-11", where, f"416 with {content!r}")
        return
    first, last = bounds
    report.expect(answer.body == body[first:last + 1] and
                  content == f"bytes {first}-{last}/{len(body)}", "HTTP-11", where,
                  f"Range: {text}: {content!r}, {len(answer.body)} bytes")


def probe_unknown(url, report, where):
    """What does not exist is 404 at once; unsafe methods do no damage."""
    for name in ("nothing.m4s", "p0-999999999.m4s", "nosuch/index.m3u8", "../nosuch/index.m3u8"):
        answer = httpc.fetch(urllib.parse.urljoin(url, name))
        report.prefer(answer.status == 404 and answer.waited < 0.8, "HINT-09", where,
                      f"{name}: {answer.status} after {answer.waited:.2f} s")
        report.prefer("access-control-allow-origin" in answer.headers, "HTTP-07", where,
                      f"{answer.status} without Access-Control-Allow-Origin")
        report.prefer((_max_age(answer) or 0) <= 2, "HTTP-10", where,
                      f"404 cacheable: {answer.headers.get('cache-control')!r}")
    for method in ("PUT", "DELETE", "POST"):
        answer = httpc.fetch(url, method=method)
        report.prefer(400 <= answer.status < 500, "HTTP-19", where, f"{method}: {answer.status}")
    report.expect(httpc.fetch(url).status == 200, "HTTP-19", where, "gone after unsafe methods")


def probe_abort(url, report, where):
    """Clients that leave while they are held do not hurt the next one (HTTP-20)."""
    base, _ = httpc.split(url)
    for _ in range(10):
        held = httpc.with_query(url, f"_HLS_msn={_current(url).last_complete + 1}")
        client = httpc.Client(base)
        client._connect()
        client.connection.request("GET", httpc.split(held)[1])
        client.close()
    began = time.monotonic()
    answer = _ask(url, f"_HLS_msn={_current(url).last_complete + 1}&_HLS_part=0")
    report.expect(answer.status == 200 and time.monotonic() - began < 15, "HTTP-20", where,
                  f"after aborted holds: {answer.status}")
