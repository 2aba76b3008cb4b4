#!/usr/bin/env python3
"""Runs a build folder's unit tests and fuzz corpus replays, and counts test cases.

Usage: scripts/unit_tests.py BUILD_FOLDER [COUNTS_FILE]

A line per binary, the output of those that fail. A replay counts as one test, and so does a binary
that ends without its summary. Appends "PASSED FAILED" to COUNTS_FILE. Exits with 1 if any failed.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

TIMEOUT_SECONDS = 300


def count(output, exit_code):
    """Passed and failed test cases by Catch2's summary, which it gives in two forms."""
    summary = re.search(r"^test cases: *(\d+) \|(.*)$", output, re.M)
    if summary:
        failed = sum(int(n) for n in re.findall(r"(\d+) failed(?! as expected)", summary[2]))
        counts = int(summary[1]) - failed, failed
    else:
        summary = re.search(r"^All tests passed \(.* in (\d+) test cases?\)$", output, re.M)
        counts = (int(summary[1]), 0) if summary else (0 if exit_code else 1, 0)
    # A leak or a race is reported behind a summary that knows nothing of it.
    return counts if exit_code == 0 or counts[1] else (counts[0], 1)


def run(binary, arguments, folder):
    begin = time.monotonic()
    try:
        done = subprocess.run([binary, *arguments], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIMEOUT_SECONDS)
        output, exit_code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        output, exit_code = f"{output}\nno end after {TIMEOUT_SECONDS} s\n", 124
    return binary.name, output, exit_code, time.monotonic() - begin


def main():
    folder = pathlib.Path(sys.argv[1]).resolve() / "tests"
    corpora = pathlib.Path(__file__).resolve().parent.parent / "tests/fuzz/corpus"
    jobs = [(binary, []) for binary in sorted(folder.glob("*_tests"))]
    for replay in sorted(folder.glob("*_fuzzer_replay")):
        jobs.append((replay, [corpora / replay.name.removesuffix("_fuzzer_replay")]))
    if not jobs:
        print(f"no tests in {folder}")
        return 1

    passed = failed = 0
    # One at a time: the tests have deadlines, and some have threads and processes of their own.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for name, output, exit_code, seconds in pool.map(lambda job: run(*job, folder), jobs):
            good, bad = count(output, exit_code)
            passed, failed = passed + good, failed + bad
            print(f"{name}: {good} of {good + bad} passed ({seconds:.1f} s)", flush=True)
            if exit_code:
                print(output, f"{name}: exit code {exit_code}", sep="\n", flush=True)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "a", encoding="ascii") as counts:
            print(passed, failed, file=counts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
