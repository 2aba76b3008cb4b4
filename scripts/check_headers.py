#!/usr/bin/env python3
"""Compiles every header on its own, so that each includes what it needs.

Usage: scripts/check_headers.py BUILD_FOLDER

The flags are those of the folder's sources in BUILD_FOLDER/compile_commands.json. Prints what does
not compile and exits with 1 if there is any.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def flags_by_folder(build):
    """Folder ("net", "tests/net") -> compiler and flags, without input and output."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        try:
            source = pathlib.Path(entry["file"]).relative_to(ROOT)
        except ValueError:
            continue
        words, kept = shlex.split(entry["command"]), []
        while words:
            word = words.pop(0)
            if word in ("-o", "-MF", "-MT", "-MQ"):
                words.pop(0)
            elif word not in ("-c", "-MD", "-MMD", entry["file"]) and "ccache" not in word:
                kept.append(word)
        depth = 2 if source.parts[0] in ("tests", "bench") else 1
        if source.suffix == ".cpp":
            flags.setdefault("/".join(source.parts[:depth]), kept)
    return flags


def compile_alone(header, flags):
    # A header as main file would be told that its #pragma once is out of place.
    done = subprocess.run([*flags, "-fsyntax-only", "-x", "c++", "-"], cwd=ROOT, text=True,
                          input=f'#include "{header}"\n', capture_output=True)
    return f"{header} does not compile alone:\n{done.stderr}" if done.returncode else None


def main():
    flags = flags_by_folder(pathlib.Path(sys.argv[1]).resolve())
    listed = subprocess.run(["git", "ls-files", "--", "*.h"], cwd=ROOT, text=True, check=True,
                            capture_output=True).stdout.split()
    jobs = []
    for header in listed:
        parts = header.split("/")
        best = [flags.get("/".join(parts[:depth])) for depth in (2, 1)] + [flags.get("app")]
        if header.startswith("tests/"):
            best = [flags.get("/".join(parts[:2])), flags.get("tests/app")] + best[2:]
        jobs.append((header, next(found for found in best if found)))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [text for text in pool.map(lambda job: compile_alone(*job), jobs) if text]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
