"""An hour of a channel to which everything happens: what must not grow does not."""
import os
import time

import httpc
import publishers
from harness import Failure, expect, test, wait_for
from test_faults import workers
from test_worker_faults import descriptors, memory

HOUR = 3600.0
LADDER = {"ladder": {"two": [{"name": "source", "passthrough": True},
                             {"name": "180p", "height": 180, "bitrate": "200k"},
                             {"name": "90p", "height": 90, "bitrate": "100k", "codec": "hevc"}]},
          "transcode": {"encode": "on-demand", "idle_after": "10s"}}
SIZES = ("640x360", "480x270", "360x640", "426x240")


def clip(case, size):
    path = case.folder / f"{size}.flv"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
        f"testsrc2=size={size}:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "8",
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "60", "-sc_threshold", "0",
        "-b:v", "600k", "-c:a", "aac", "-ac", "2", path])
    expect(made.wait(40) == 0, made.text())
    return path


def resident(process):
    """MB; 0 where it has gone."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def ask(server, rung, until):
    while time.monotonic() < until:
        httpc.fetch(f"{server.base}/live/ladder/{rung}/index.m3u8", timeout=12)
        time.sleep(0.5)


@test(timeout=HOUR + 300, long_only=True, alone=True)
def an_hour_of_rungs_and_sources_leaves_memory_flat(case):
    """Rungs start and stop, the publisher reconnects, its picture changes its size: every 40 s, in
    turn killed or ended. Memory is looked at where rungs run, each round at the same moment."""
    server = case.server({**LADDER, "limits": {"end_on_unpublish": False}})
    clips = [clip(case, size) for size in SIZES]
    began, rounds, samples = time.monotonic(), 0, []
    while time.monotonic() - began < HOUR:
        publisher = publishers.ffmpeg_copy(case, clips[rounds % len(clips)], server,
                                           "secret-ladder")
        wait_for(lambda: httpc.fetch(
            f"{server.base}/live/ladder/source/index.m3u8").status == 200, 20, "the source")
        for rung in ("180p", "90p") if rounds % 2 else ("90p", "180p"):
            ask(server, rung, time.monotonic() + 6)
        running = workers(server)
        expect(running, f"no worker in round {rounds}")
        samples.append((time.monotonic() - began, memory(server),
                        max(resident(process) for process in running), descriptors(server)))
        # Both fall asleep, under a source that runs; every other time under none.
        if rounds % 2:
            time.sleep(14)
        if rounds % 3:
            publisher.process.kill()
        publisher.stop()
        if not rounds % 2:
            time.sleep(14)
        rounds += 1
        expect(server.alive(), f"the server ended in round {rounds}")
    wait_for(lambda: not workers(server), 30, "the last worker to end")
    if len(samples) < 9:
        raise Failure(f"{len(samples)} rounds only")
    third = len(samples) // 3
    early, late = samples[third:2 * third], samples[2 * third:]

    def mean(part, column):
        return sum(sample[column] for sample in part) / len(part)

    case.note(f"{rounds} rounds in {time.monotonic() - began:.0f} s; in the first, the second and "
              "the last third: server " + ", ".join(
                  f"{mean(p, 1):.1f}" for p in (samples[:third], early, late)) + " MB, worker " +
              ", ".join(f"{mean(p, 2):.1f}" for p in (samples[:third], early, late)) +
              " MB, descriptors " + ", ".join(
                  f"{mean(p, 3):.1f}" for p in (samples[:third], early, late)))
    for column, what in ((1, "the server's memory"), (2, "a worker's memory")):
        expect(mean(late, column) < 1.03 * mean(early, column) + 1,
               f"{what} grows: {mean(early, column):.1f} MB, then {mean(late, column):.1f} MB")
    expect(mean(late, 3) < mean(early, 3) + 3, "descriptors grow")
