#!/usr/bin/env python3
"""Holds every #include line to the arrows of the target graph (CMakeLists.txt).

Usage: scripts/check_layers.py [--self-test]

Prints one line per wrong include and exits with 1 if there is any.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

STAGES = {"ingest", "transcode", "packager", "hls"}
MAY_INCLUDE = {
    "base": set(),
    "net": {"base"},
    "media": {"base"},
    "ingest": {"base", "media", "net"},
    "transcode": {"base", "media", "net"},
    "hardware": {"base", "media", "net", "transcode"},
    "packager": {"base", "media"},
    "hls": {"base", "media", "net"},
    "app": {"base", "media", "net"} | STAGES,
}
FOLDERS = set(MAY_INCLUDE)
# They look inside on purpose: parsers and what is measured are private to their folders. One test
# follows timestamps from the protocols' readers to the playlists.
SEE_EVERYTHING = ("tests/fuzz/", "bench/", "tests/app/long_show_test.cpp")

# Where a library may be included at all; what is not listed is refused everywhere.
LIBRARIES = {
    r"fmt/": FOLDERS,
    r"(spdlog|prometheus)/": {"base"},
    r"boost/": {"net"},
    r"openssl/": {"net", "app"},
    r"nghttp2/|curl/|srt/": {"net"},
    r"gst/|glib": {"ingest"},
    r"lib(avcodec|avutil|avformat|swscale|swresample)/|x264\.h": {"ingest", "transcode", "hardware",
                                                                     "packager"},
    r"libavfilter/": {"hardware"},
    r"zlib\.h": {"hls"},
    r"nlohmann/": {"ingest", "hls", "app"},
    r"yaml-cpp/|CLI/": {"app"},
}
# POSIX and Linux: allowed everywhere but in the headers named below.
SYSTEM = re.compile(r"(sys|netinet|arpa|linux)/|(unistd|fcntl|poll|signal|pthread|sched|spawn|dlfcn|"
                    r"netdb|errno|stdlib|string|stdio|immintrin|malloc|execinfo|time|getopt)\.h")
STANDARD = re.compile(r"[a-z0-9_]+$")


def owner_of(path):
    """The folder whose arrows hold for a file: tests/hls/x_test.cpp has those of hls."""
    parts = path.split("/")
    if parts[0] == "tests" and len(parts) > 2 and parts[1] in FOLDERS:
        return parts[1]
    return parts[0] if parts[0] in FOLDERS else None


def wrong_project_include(path, header):
    target = header.split("/")[0]
    owner = owner_of(path)
    if target == "tests":
        return None if path.startswith(("tests/", "bench/")) else "only tests include tests"
    if target not in FOLDERS or "/" not in header:
        return "is not a path from the root"
    if path.startswith(SEE_EVERYTHING) or target == owner:
        return None
    if owner and target not in MAY_INCLUDE[owner]:
        return f"{owner} must not know {target}"
    # hardware is a part of transcode's worker, in a library that the server is not linked with.
    is_part = (owner, target) == ("hardware", "transcode")
    if target in STAGES and header != f"{target}/{target}.h" and not is_part:
        return f"is private to {target}; its public header is {target}/{target}.h"
    return None


def wrong_library_include(path, header):
    if STANDARD.match(header):
        return None
    top, name = path.split("/")[0], path.split("/")[-1]
    is_public = top == "media" or (top in STAGES and path == f"{top}/{top}.h")
    if is_public and name.endswith(".h"):
        return "is no standard header, and this header is public"
    if SYSTEM.match(header) or top in ("tests", "bench"):  # Tests have oracles and clients.
        return None
    for pattern, folders in LIBRARIES.items():
        if re.match(pattern, header):
            return None if top in folders else f"belongs to {', '.join(sorted(folders))}"
    return "is a library that scripts/check_layers.py does not know"


def findings(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not include:
            continue
        header = include[2]
        quoted = include[1] == '"' and not header.endswith(".inc")  # .inc: generated.
        check = wrong_project_include if quoted else wrong_library_include
        why = None if header.endswith(".inc") else check(path, header)
        if why:
            yield f"{path}:{number}: {header} {why}"


def self_test():
    cases = [  # file, include, whether it is right
        ("net/socket.cpp", '"base/result.h"', True),
        ("net/socket.cpp", '"media/sink.h"', False),
        ("base/log.h", '"net/event_loop.h"', False),
        ("hls/window.cpp", '"packager/packager.h"', False),
        ("hls/playlist/text.cpp", '"hls/playlist/text.h"', True),
        ("hls/playlist/text.cpp", '"text.h"', False),
        ("app/pipeline.cpp", '"hls/hls.h"', True),
        ("app/pipeline.cpp", '"hls/segment_window.h"', False),
        ("app/pipeline.cpp", '<boost/asio/post.hpp>', False),
        ("packager/chunker.h", '"net/event_loop.h"', False),
        ("ingest/ingest.h", '<gst/gst.h>', False),
        ("ingest/gst/pipeline.cpp", '<gst/gst.h>', True),
        ("transcode/encoder.cpp", '<gst/gst.h>', False),
        ("media/sink.h", '<fmt/format.h>', False),
        ("hls/hls.h", '<sys/socket.h>', False),
        ("net/socket.cpp", '<sys/socket.h>', True),
        ("net/socket.cpp", '<unheard/of.h>', False),
        ("hls/hls.h", '<vector>', True),
        ("tests/hls/window_test.cpp", '"hls/segment_window.h"', True),
        ("tests/hls/window_test.cpp", '"packager/packager.h"', False),
        ("tests/hls/window_test.cpp", '<catch2/catch.hpp>', True),
        ("tests/app/main_test.cpp", '"hls/segment_window.h"', False),
        ("tests/hls/window_test.cpp", '<zlib.h>', True),
        ("hls/window.cpp", '<catch2/catch.hpp>', False),
        ("tests/support/sink.h", '"media/sink.h"', True),
        ("tests/support/sink.h", '"hls/segment_window.h"', False),
        ("tests/fuzz/amf_fuzzer.cpp", '"net/rtmp/amf.h"', True),
        ("bench/micro/chunker_bench.cpp", '"packager/chunker.h"', True),
        ("bench/micro/chunker_bench.cpp", '<benchmark/benchmark.h>', True),
        ("hls/window.cpp", '"tests/support/sink.h"', False),
    ]
    wrong = [case for case in cases
             if (not list(findings(case[0], f"#include {case[1]}\n"))) != case[2]]
    for file, include, is_right in wrong:
        print(f"self-test: {file} including {include} should be {'right' if is_right else 'wrong'}")
    return 1 if wrong else 0


def main():
    if "--self-test" in sys.argv[1:]:
        return self_test()
    found = []
    for folder in sorted(FOLDERS | {"tests", "bench"}):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".h", ".cpp") and "node_modules" not in file.parts:
                found += findings(file.relative_to(ROOT).as_posix(), file.read_text())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
