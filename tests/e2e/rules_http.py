"""Rules of HTTP on answers that come by themselves while a channel is watched, and on TLS."""
import email.utils
import urllib.parse

PLAYLIST_TYPES = ("application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl")
_SECRET = ("ECDHE", "DHE", "TLS_")  # TLS 1.3 has no suite without forward secrecy.


def content_type(answer):
    return answer.headers.get("content-type", "").split(";")[0].strip().lower()


def check_is_playlist(url, answer, report, where):
    named = urllib.parse.urlsplit(url).path.endswith((".m3u8", ".m3u"))
    report.expect(named or content_type(answer) in PLAYLIST_TYPES[:2], "HTTP-01", where,
                  f"neither the path nor the type {content_type(answer)!r} is a playlist's")


def check_not_redirected(answer, uri, report, where):
    report.expect(answer.status not in (301, 302, 303, 307, 308), "HTTP-18", where,
                  f"{uri} is redirected by {answer.status}")


def check_last_modified(answer, target_duration, report, where):
    """Of a live playlist, by the server's own clock."""
    said = email.utils.parsedate_to_datetime(answer.headers["last-modified"]) \
        if "last-modified" in answer.headers else None
    now = email.utils.parsedate_to_datetime(answer.headers["date"]) \
        if "date" in answer.headers else None
    if said and now:
        age = (now - said).total_seconds()
        report.prefer(age <= 3 * target_duration, "HTTP-25", where,
                      f"Last-Modified is {age:.0f} s old")


def check_tls(version, cipher, report, where):
    """`version` and `cipher` as Python's ssl names them."""
    report.expect(version in ("TLSv1.2", "TLSv1.3") and cipher.startswith(_SECRET), "HTTP-22",
                  where, f"{version} with {cipher}")


def urgency(answer):
    """u of an answer's Priority (RFC 9218), or None."""
    for word in answer.headers.get("priority", "").replace(" ", "").split(","):
        if word.startswith("u=") and word[2:].isdigit():
            return int(word[2:])
    return None


def check_priority(playlist, media, report, where):
    """HTTP-23, of two answers; a lower number is more urgent."""
    before, after = urgency(playlist), urgency(media)
    if before is not None and after is not None:
        report.prefer(before < after, "HTTP-23", where,
                      f"playlists have u={before}, media u={after}")
