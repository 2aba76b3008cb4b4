"""The rewind window's disk fills up in mid-show: live loses nothing, and it goes on when there is
room."""
import ctypes
import subprocess

from harness import expect, test, wait_for
from rewinding import fetch_media, media_playlist, publish, with_dvr

_CLONE_NEWNS = 0x00020000


def mount_small_disk(case, size):
    """A file system in memory, of so many bytes, that this process and what it starts see alone, and
    that goes with them. None, and a note, where the system does not let us."""
    disk = case.folder / "disk"
    disk.mkdir()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) == 0:
        for command in (["mount", "--make-rprivate", "/"],
                        ["mount", "-t", "tmpfs", "-o", f"size={size}", "millrace-test", disk]):
            done = subprocess.run(command, capture_output=True, timeout=10, check=False)
            if done.returncode != 0:
                break
        else:
            return disk
    case.note("NOT RUN: needs root, or to be allowed to mount a file system")
    return None


def fill(path):
    """Takes all the room that is left."""
    with open(path, "wb", buffering=0) as ballast:
        try:
            while ballast.write(b"\0" * 4096):
                pass
        except OSError:
            pass


def left_out(server):
    return server.metric("millrace_dvr_left_out_segments_total", reason="error")


def told(server):
    """{rendition: what the log has said of it, in order}."""
    words = {"source": [], "audio": []}
    for line in server.log().splitlines():
        for word in ("not kept", "kept again"):
            if f"segments are {word} rendition=one/" in line:
                words[line.split("rendition=one/")[1].split()[0]].append(word)
    return words


@test(timeout=150)
def disk_fills_up_in_mid_show(case):
    disk = mount_small_disk(case, 32 * 1024 * 1024)
    if disk is None:
        return
    settings = with_dvr(case, "10m")
    settings["hls"]["dvr"]["folder"] = str(disk / "dvr")
    server = case.server(settings)
    publish(case, server)
    server.wait_playable("one", renditions=2)
    wait_for(lambda: server.metric("millrace_dvr_written_segments_total") >= 20, 40,
             "segments on the disk", 0.2)

    fill(disk / "ballast")
    wait_for(lambda: left_out(server) >= 1, 20, "the disk to be full", 0.2)
    edge = media_playlist(server, "source").segments[-1].msn
    wait_for(lambda: left_out(server) >= 20, 40, "segments that the disk does not take", 0.2)
    live = {rendition: media_playlist(server, rendition) for rendition in ("source", "audio")}
    for rendition, found in live.items():
        expect(found.segments[-1].msn >= edge + 6, f"{rendition} stands at {found.msn}")
        for segment in found.segments:
            expect(not segment.gap, f"{rendition}: {segment.uri} is a gap in the live playlist")
            answer = fetch_media(server, rendition, segment.uri)
            expect(answer.status == 200 and answer.body, f"{segment.uri}: {answer.status}")
        expect(all(after.msn == before.msn + 1 for before, after in
                   zip(found.segments, found.segments[1:])), f"{rendition}: a hole")
    for rendition, words in told(server).items():
        expect(words and words[0] == "not kept", f"{rendition}: {words}")
    expect("No space left on device" in server.log(), "the log does not say why")

    (disk / "ballast").unlink()
    written = server.metric("millrace_dvr_written_segments_total")
    wait_for(lambda: server.metric("millrace_dvr_written_segments_total") >= written + 20, 40,
             "segments on the disk again", 0.2)
    lost = left_out(server)
    for rendition, words in told(server).items():
        # What is small may find room between, and then that is told.
        expect(words == ["not kept", "kept again"] * (len(words) // 2), f"{rendition}: {words}")

    for rendition in ("source", "audio"):
        listed = media_playlist(server, rendition, "?dvr")
        gaps = [segment.msn for segment in listed.segments if segment.gap]
        expect(gaps or rendition == "audio", "no gap")
        if not gaps:
            continue  # Each of its segments has found room between two of the pictures'.
        kept = [segment for segment in listed.segments if not segment.gap]
        expect(kept[0].msn < gaps[0] and gaps[-1] < kept[-1].msn,
               f"{rendition}: gaps {gaps[0]} to {gaps[-1]}, kept {kept[0].msn} to {kept[-1].msn}")
        for segment in kept:
            answer = fetch_media(server, rendition, segment.uri)
            expect(answer.status == 200 and answer.body, f"{segment.uri}: {answer.status}")
    case.note(f"{lost:.0f} segments were not kept, {len(kept)} of {len(listed.segments)} are")
