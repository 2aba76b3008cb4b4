"""What happens to a ladder's worker is its rungs' business alone, and not for long."""
import os
import pathlib
import random
import resource
import signal
import time

import publishers
import rtmp
from harness import expect, test, wait_for
from test_faults import workers
from viewer import Viewer

LADDER = {"ladder": {"small": [{"name": "source", "passthrough": True},
                               {"name": "180p", "height": 180, "bitrate": "200k"}]},
          "transcode": {"encode": "always"}}
GOP = 2.0
# Of good running, behind which a worker that ends is started again at once.
SPACING = 11.0


def small_clip(case):
    path = case.folder / "small.flv"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
        "testsrc2=size=640x360:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "8",
        "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "60", "-sc_threshold", "0",
        "-b:v", "600k", "-c:a", "aac", "-ac", "2", path])
    expect(made.wait(40) == 0, made.text())
    return path


def kill(process):
    os.kill(process, signal.SIGKILL)


def stop(process):
    os.kill(process, signal.SIGSTOP)


def fill_memory(process):
    os.kill(process, signal.SIGUSR2)


def no_memory(case):
    """The environment of a server whose workers fill_memory() can hit."""
    library = case.folder / "no_memory.so"
    source = pathlib.Path(__file__).with_name("no_memory.c")
    made = case.run("cc", ["cc", "-shared", "-fPIC", "-O1", "-o", library, source])
    expect(made.wait(20) == 0, made.text())
    return {**os.environ, "LD_PRELOAD": str(library)}


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory(server):
    """MB."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def hit_workers(case, fault, channels, rounds, environment=None):
    """Every channel's worker is hit so many times, at different moments of its segments."""
    names = [f"shop{i}" for i in range(channels)]
    server = case.server({**LADDER, "channels": {
        name: {"keys": [f"key-{name}"], "ladder": "small"} for name in names}},
                         environment=environment)
    clip = small_clip(case)
    for name in names:
        publishers.ffmpeg_copy(case, clip, server, f"key-{name}")
    for name in names:
        server.wait_playable(name, renditions=3)
    wait_for(lambda: len(workers(server)) == channels, 10, "a worker for each channel")
    sources = [Viewer(server, name, "source") for name in names]
    rungs = [Viewer(server, name, "180p") for name in names]
    time.sleep(5)
    before = (descriptors(server), memory(server))
    hits = 0
    for _ in range(rounds):
        began = time.monotonic()
        for process in workers(server):
            fault(process)
            hits += 1
            time.sleep((SPACING - 3) / channels)
        time.sleep(max(0, began + SPACING - time.monotonic()))
    wait_for(lambda: len(workers(server)) == channels, 10, "a worker for each channel")
    after = (descriptors(server), memory(server))
    for viewer in [*sources, *rungs]:
        viewer.stop()
    restarts = server.metric("millrace_transcode_worker_restarts_total")
    gaps = sum(len(viewer.gaps) for viewer in rungs)
    case.note(f"{hits} hits, {restarts:.0f} restarts, sources stood for "
              f"{max(v.longest_wait for v in sources):.2f} s at most, rungs for "
              f"{max(v.longest_wait for v in rungs):.2f} s, {gaps} gaps; descriptors "
              f"{before[0]} and {after[0]}, {before[1]:.0f} and {after[1]:.0f} MB")
    expect(restarts == hits, f"{restarts:.0f} restarts after {hits} hits")
    for viewer in sources:
        expect(not viewer.gaps and not viewer.errors, f"{viewer.url}: {viewer.gaps}, {viewer.errors}")
        expect(viewer.longest_wait < 0.7, f"{viewer.url} stood for {viewer.longest_wait:.2f} s")
    for viewer in rungs:
        expect(not viewer.errors, f"{viewer.url}: {viewer.errors}")
        expect(viewer.longest_wait < GOP + 1, f"{viewer.url} stood for {viewer.longest_wait:.2f} s")
    # A connection or two of the viewers' and the metrics' may be open or not.
    expect(after[0] <= before[0] + 4, f"{after[0]} descriptors, {before[0]} before")
    return server


@test(timeout=100, alone=True)
def workers_are_killed(case):
    hit_workers(case, kill, *((10, 5) if case.long else (3, 1)))


@test(timeout=100, alone=True)
def workers_are_stopped(case):
    hit_workers(case, stop, *((10, 5) if case.long else (3, 1)))


# A sanitizer has an allocator of its own.
@test(timeout=100, alone=True, on="release")
def workers_get_no_memory_any_more(case):
    hit_workers(case, fill_memory, *((10, 5) if case.long else (3, 1)), environment=no_memory(case))


@test(timeout=60)
def workers_run_on_as_many_cores_as_they_may(case):
    names = ("shop0", "shop1")
    server = case.server({**LADDER, "transcode": {"encode": "always", "worker_cores": 1},
                          "channels": {name: {"keys": [f"key-{name}"], "ladder": "small"}
                                       for name in names}})
    for name in names:
        publishers.ffmpeg_small(case, server, f"key-{name}", audio=False)
    for name in names:
        server.wait_playable(name, renditions=2)
    cores = [os.sched_getaffinity(process) for process in workers(server)]
    expect(len(cores) == 2 and all(len(each) == 1 for each in cores), f"cores are {cores}")
    there_are = len(os.sched_getaffinity(server.process.pid))
    expect(there_are == 1 or cores[0] != cores[1], f"both are on {cores}")


@test(timeout=60, on="release")
def workers_run_out_of_memory(case):
    """With less memory than they need workers end, again and again; the source does not notice."""
    server = case.server({**LADDER, "transcode": {"encode": "always", "worker_memory": "40MiB"},
                          "channels": {"shop": {"keys": ["key-shop"], "ladder": "small"}}})
    publishers.ffmpeg_copy(case, small_clip(case), server, "key-shop")
    server.wait_playable("shop", renditions=2)
    before = descriptors(server)
    source = Viewer(server, "shop", "source")
    time.sleep(40 if case.long else 12)
    source.stop()
    restarts = server.metric("millrace_transcode_worker_restarts_total", channel="shop")
    case.note(f"{restarts:.0f} restarts, the source stood for {source.longest_wait:.2f} s at most, "
              f"descriptors {before} and {descriptors(server)}")
    expect(3 <= restarts <= 12, f"{restarts:.0f} restarts: no limit, or no back-off")
    expect("worker ended channel=shop" in server.log(), "the log does not say it")
    expect(not source.gaps and not source.errors, f"{source.gaps}, {source.errors}")
    expect(source.longest_wait < 0.7, f"it stood for {source.longest_wait:.2f} s")
    expect(descriptors(server) <= before + 4, f"{descriptors(server)} descriptors, {before} before")


@test(timeout=90, on="both")
def corrupted_bitstreams_reach_the_worker(case):
    """H.264, HEVC and AAC with wrong bits: the server and what others watch are untouched."""
    server = case.server({**LADDER, "channels": {
        "good": {"keys": ["key-good"], "ladder": "small"},
        "bad": {"keys": ["key-bad"], "ladder": "small"}}})
    clip = small_clip(case)
    publishers.ffmpeg_copy(case, clip, server, "key-good")
    server.wait_playable("good", renditions=3)
    good = Viewer(server, "good", "source")
    streams = (list(rtmp.flv_tags(clip)), list(rtmp.enhanced_tags(hevc_clip(case).read_bytes())))
    for seed in range(100 if case.long else 8):
        publish_corrupted(server, streams[seed % 2], seed)
        expect(server.alive(), f"the server ended with seed {seed}: {server.log()[-800:]}")
    good.stop()
    errors = server.metric("millrace_transcode_worker_restarts_total", channel="bad")
    case.note(f"{errors:.0f} restarts of its worker, the other channel stood for "
              f"{good.longest_wait:.2f} s at most")
    expect(not good.gaps and not good.errors, f"{good.gaps}, {good.errors}")
    expect(case.is_sanitized or good.longest_wait < 0.7, f"it stood for {good.longest_wait:.2f} s")
    expect(server.metric("millrace_transcode_worker_restarts_total", channel="good") == 0,
           "the other channel's worker ended")


def hevc_clip(case):
    path = case.folder / "hevc.mp4"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
        "testsrc2=size=640x360:rate=30", "-t", "4", "-c:v", "libx265", "-preset", "ultrafast",
        "-x265-params", "log-level=none:keyint=30:scenecut=0:bframes=2", "-b:v", "600k", "-tag:v",
        "hvc1", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", path])
    expect(made.wait(40) == 0, made.text())
    return path


def media_begins(kind, body):
    """Where the bits of a picture or of sound begin in a tag, or None: it is no media."""
    if kind == 8:
        return 2 if len(body) > 2 and body[1] == 1 else None
    if body[0] & 0x80:  # Enhanced: coded frames behind a FourCC, with a composition time or not.
        return {1: 8, 3: 5}.get(body[0] & 0x0F)
    return 5 if len(body) > 5 and body[1] == 1 else None


def publish_corrupted(server, tags, seed):
    """Three seconds at twice their pace, in which some pictures have wrong bytes."""
    chance = random.Random(seed)
    sender = rtmp.Publisher(server.rtmp_port, "key-bad")
    expect(sender.publish(), f"refused: {sender.answers!r}")

    def corrupt():
        for kind, stamp, body in tags:
            begin = media_begins(kind, body) if kind in (8, 9) else None
            if begin and stamp > 300 and chance.random() < 0.3:
                changed = bytearray(body)
                for _ in range(chance.randint(1, 20)):
                    changed[chance.randrange(begin, len(changed))] = chance.randrange(256)
                body = bytes(changed)
            yield kind, stamp // 2, body

    try:
        rtmp.send_paced(sender, corrupt(), 1.5)
    except OSError:
        pass  # It was thrown out, which is its right.
    sender.close()
