"""Sources of high dynamic range and of ten bits: what their rungs show and say of it."""
import math
import subprocess

import decode
import httpc
import publishers
from harness import expect, test
from playlist import parse_multivariant

# Patches of a picture of 640x360, eight in a row: 10-bit Y'CbCr.
PATCHES = [(64, 512, 512), (250, 512, 512), (350, 512, 512), (419, 512, 512), (509, 512, 512),
           (573, 512, 512), (480, 470, 560), (430, 545, 500)]
WIDTH, HEIGHT = 640, 360
PQ = {"primaries": "bt2020", "transfer": "smpte2084", "space": "bt2020nc"}
HLG = {"primaries": "bt2020", "transfer": "arib-std-b67", "space": "bt2020nc"}
SDR = {"primaries": "bt709", "transfer": "bt709", "space": "bt709"}
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def clip(case, name, tags, more=""):
    """25 s of ten bits in HEVC, as MPEG-TS."""
    path = case.folder / f"{name}.ts"
    planes = [b"".join(patch[plane].to_bytes(2, "little") * (WIDTH // (1 if plane == 0 else 2) // 8)
                       for patch in PATCHES) * (HEIGHT // (1 if plane == 0 else 2))
              for plane in range(3)]
    process = subprocess.Popen(
        ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p10le",
         "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "25", "-i", "-", "-c:v", "libx265",
         "-preset", "ultrafast", "-x265-params",
         f"log-level=none:keyint=50:min-keyint=50:scenecut=0:bframes=0:crf=12{more}",
         "-color_primaries", tags["primaries"], "-color_trc", tags["transfer"], "-colorspace",
         tags["space"], "-f", "mpegts", str(path)], stdin=subprocess.PIPE)
    for _ in range(25 * 25):
        process.stdin.write(b"".join(planes))
    process.stdin.close()
    expect(process.wait(60) == 0, f"ffmpeg did not make {name}")
    return path


def publish(case, path, rungs):
    """The channel's multivariant playlist by rendition, and the URL of a rendition's."""
    server = case.server({"ladder": {"two": [{"name": "source", "passthrough": True}, *rungs]},
                          "transcode": {"encode": "always"}})
    publishers.ffmpeg_srt(case, path, server, "secret-ladder")
    server.wait_playable("ladder", renditions=1 + len(rungs))
    listed = parse_multivariant(httpc.fetch(server.url("ladder")).text).variants
    return ({variant["URI"].split("/")[-2]: variant for variant in listed},
            lambda rung: f"{server.base}/live/ladder/{rung}/index.m3u8")


def patches(url, depth):
    """Each patch's (Y', Cb, Cr) in the middle of the second picture."""
    form = "yuv420p" if depth == 8 else "yuv420p10le"
    done = subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-frames:v", "2",
                           "-f", "rawvideo", "-pix_fmt", form, "-"], capture_output=True,
                          timeout=60, check=True)
    streams, _ = decode.probe(url)
    width, height, size = streams[0]["width"], streams[0]["height"], depth // 8 + depth % 8 // 2
    picture = done.stdout[-width * height * size * 3 // 2:]

    def at(start, row_length, x, y):
        place = (start + y * row_length + x) * size
        return int.from_bytes(picture[place:place + size], "little")
    found = []
    for patch in range(len(PATCHES)):
        x, y = (2 * patch + 1) * width // 16, height // 2
        chroma = [at(width * height * (4 + plane) // 4, width // 2, x // 2, y // 2)
                  for plane in range(2)]
        found.append((at(0, width, x, y), *chroma))
    return found


def pq_luminance(signal):
    """SMPTE ST 2084, in cd/m²."""
    power = signal ** (1 / 78.84375)
    ratio = max(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return 1e4 * ratio ** (1 / 0.1593017578125)


def pq_signal(luminance):
    power = (luminance / 1e4) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg_scene(signal):
    """ITU-R BT.2100 Table 5."""
    return signal ** 2 / 3 if signal <= 0.5 else (
        math.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12


def displayed(patch, transfer):
    """Linear BT.2020 of 10-bit Y'CbCr, in cd/m²; of HLG on a display of 1000 cd/m²."""
    luma = (patch[0] - 64) / 876
    red, blue = luma + 1.4746 * (patch[2] - 512) / 896, luma + 1.8814 * (patch[1] - 512) / 896
    signals = [red, (luma - 0.2627 * red - 0.0593 * blue) / 0.678, blue]
    if transfer == PQ:
        return [pq_luminance(signal) for signal in signals]
    scene = [hlg_scene(signal) for signal in signals]
    luminance = 0.2627 * scene[0] + 0.678 * scene[1] + 0.0593 * scene[2]
    return [1000 * light * luminance ** 0.2 for light in scene]


def compressed(luminance, peak):
    """The EETF of ITU-R BT.2390 5.4, from `peak` to 203 cd/m²."""
    top, white = pq_signal(peak), pq_signal(203) / pq_signal(peak)
    knee, signal = 1.5 * white - 0.5, min(1.0, pq_signal(luminance) / top)
    if signal <= knee:
        return luminance
    t = (signal - knee) / (1 - knee)
    return pq_luminance(top * ((2 * t ** 3 - 3 * t ** 2 + 1) * knee
                               + (t ** 3 - 2 * t ** 2 + t) * (1 - knee)
                               + (3 * t ** 2 - 2 * t ** 3) * white))


def standard_range(patch, transfer, peak):
    """8-bit Y'CbCr of BT.709, for a display of BT.1886."""
    light = displayed(patch, transfer)
    brightest = max(*light, 1e-9)
    gain = compressed(brightest, peak) / brightest / 203
    red, green, blue = (
        min(1.0, max(0.0, gain * sum(a * b for a, b in zip(row, light)))) ** (1 / 2.4)
        for row in ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083),
                    (-0.0182, -0.1006, 1.1187)))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748)


def expect_tags(url, codec, form, tags):
    video = decode.probe(url)[0][0]
    said = {key: video.get(f"color_{key}") for key in ("primaries", "transfer", "space")}
    expect((video["codec_name"], video["pix_fmt"], said, video.get("color_range")) ==
           (codec, form, tags, "tv"), f"{url} is {video}")


def expect_patches(case, url, depth, expected, tolerance):
    found = patches(url, depth)
    worst = max(abs(a - b) for got, want in zip(found, expected) for a, b in zip(got, want))
    case.note(f"{url.split('/')[-2]}: {len(found)} patches at most {worst:.1f} off")
    expect(worst <= tolerance, f"{url}: patches {found}, not {expected}")


@test(timeout=90)
def hdr10_is_tone_mapped_unless_a_rung_keeps_it(case):
    path = clip(case, "pq", PQ, f":hdr10=1:master-display={DISPLAY}:max-cll=600,200")
    listed, url = publish(case, path, [
        {"name": "180p", "height": 180, "bitrate": "1M"},
        {"name": "kept", "height": 180, "bitrate": "1M", "codec": "hevc", "hdr": "keep"},
        {"name": "90p", "height": 90, "bitrate": "500k"}])
    ranges = {name: variant["VIDEO-RANGE"] for name, variant in listed.items()}
    expect(ranges == {"source": "PQ", "180p": "SDR", "kept": "PQ", "90p": "SDR"}, f"{ranges}")
    expect(listed["kept"]["CODECS"].startswith("hvc1.2.4."), listed["kept"]["CODECS"])
    expect(listed["180p"]["CODECS"].startswith("avc1."), listed["180p"]["CODECS"])
    mapped = [standard_range(patch, PQ, 600) for patch in PATCHES]
    for rung in ("180p", "90p"):
        expect_tags(url(rung), "h264", "yuv420p", SDR)
        expect_patches(case, url(rung), 8, mapped, 3)
    expect_tags(url("kept"), "hevc", "yuv420p10le", PQ)
    expect_patches(case, url("kept"), 10, PATCHES, 6)
    for rung in ("source", "kept"):
        said = frame_metadata(url(rung))
        expect("max_luminance=10000000/10000" in said and "max_content=600" in said
               and "green_y=34500/50000" in said, f"{rung} says {said}")
    for rung in listed:
        said = decode.ffmpeg_reads(url(rung), 2.0)
        expect(not said, f"{rung}: {said}")


def frame_metadata(url):
    """What ffprobe says of the first picture."""
    done = subprocess.run(["ffprobe", "-loglevel", "error", "-select_streams", "v", "-show_frames",
                           "-read_intervals", "%+#1", url], capture_output=True, timeout=40,
                          check=True)
    return done.stdout.decode()


@test(timeout=90)
def hlg_is_tone_mapped_unless_an_av1_rung_keeps_it(case):
    listed, url = publish(case, clip(case, "hlg", HLG), [
        {"name": "180p", "height": 180, "bitrate": "1M"},
        {"name": "kept", "height": 180, "bitrate": "1M", "codec": "av1", "hdr": "keep"}])
    ranges = {name: variant["VIDEO-RANGE"] for name, variant in listed.items()}
    expect(ranges == {"source": "HLG", "180p": "SDR", "kept": "HLG"}, f"{ranges}")
    expect(listed["kept"]["CODECS"].endswith(".10.0.110.09.18.09.0"), listed["kept"]["CODECS"])
    mapped = [standard_range(patch, HLG, 1000) for patch in PATCHES]
    expect_tags(url("180p"), "h264", "yuv420p", SDR)
    expect_patches(case, url("180p"), 8, mapped, 3)
    expect_tags(url("kept"), "av1", "yuv420p10le", HLG)
    expect_patches(case, url("kept"), 10, PATCHES, 8)


@test(timeout=90)
def ten_bits_of_standard_range_lose_depth_alone(case):
    listed, url = publish(case, clip(case, "sdr", SDR), [
        {"name": "180p", "height": 180, "bitrate": "1M"},
        {"name": "kept", "height": 180, "bitrate": "1M", "codec": "hevc", "hdr": "keep"}])
    expect({variant["VIDEO-RANGE"] for variant in listed.values()} == {"SDR"}, f"{listed}")
    same = [tuple(code / 4 for code in patch) for patch in PATCHES]
    for rung, codec in (("180p", "h264"), ("kept", "hevc")):
        expect_tags(url(rung), codec, "yuv420p", SDR)
        expect_patches(case, url(rung), 8, same, 2)
