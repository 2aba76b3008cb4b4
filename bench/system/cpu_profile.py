"""Where a process spends its CPU time, by stages of the server: samples of Linux perf, grouped.

A sample belongs to the innermost function of ours on its stack, so that a stage has what the
kernel, the allocator and libraries do for it; the columns tell these apart. In a virtual machine
the samples are those of a timer interrupt: what the kernel does with interrupts off is found where
it switches them on again (finish_task_switch, spin_unlock).
"""
import collections
import re
import shutil
import subprocess

from load import Failure, expect

# By the start of a function's name, the first that fits.
_STAGES = [
    ("RTMP: socket and chunks", r"millrace::net::rtmp::"),
    ("FLV and NAL units", r"millrace::ingest::(?!.*(Timeline|Clock|Grid|Segmenter))"),
    ("timeline", r"millrace::ingest::"),
    ("channel", r"millrace::app::"),
    ("packager", r"millrace::packager::"),
    ("playlists and gzip", r"millrace::hls::(playlist::|PlaylistSnapshot|PlaylistText|gzip)"),
    ("window and requests", r"millrace::hls::"),
    ("HTTP", r"millrace::net::(Http|PendingExchange|ParsedHttp|format_http|http_|.*HeaderParser|"
             r".*append_clean)"),
    ("metrics", r"millrace::(Counter|Gauge|Histogram|Metrics)"),
    ("event loop", r"millrace::net::(EventLoop|Timer)"),
    ("other", r"millrace::"),
]
_COLUMNS = ["kernel", "allocation", "copying", "library", "own"]
_ALLOCATION = re.compile(r"(_int_)?(malloc|free|realloc|calloc)|operator (new|delete)|tcache|"
                         r"unlink_chunk|malloc_consolidate|sysmalloc|systrim|cfree")
_COPYING = re.compile(r"_*mem(cpy|move|set)")


def expect_perf():
    expect(shutil.which("perf"), "no perf: apt-get install linux-perf; or run the server by hand "
                                 "under valgrind --tool=callgrind, with a count of 20 at most")


def _frames(text):
    """For each sample its stack, innermost first: (function, library)."""
    stack = []
    for line in text.splitlines() + [""]:
        match = re.match(r"\s+[0-9a-f]+ (.*) \((.*)\)$", line)
        if match:
            name = match[1] if match[1] != "[unknown]" else match[2].rpartition("/")[2]
            stack.append((name, match[2]))
        elif stack and not line.strip():
            yield stack
            stack = []


def _stage(stack):
    for function, _ in stack:
        for name, pattern in _STAGES:
            if re.match(pattern, function.removeprefix("(anonymous namespace)::")):
                return name
    return "unknown"


def _column(stack):
    function, library = stack[0]
    if "kernel" in library:
        return "kernel"
    if _ALLOCATION.match(function):
        return "allocation"
    if _COPYING.match(function):
        return "copying"
    return "own" if library.rpartition("/")[2] == "millrace" else "library"


def _entry(stack):
    """Why it is in the kernel."""
    for function, library in stack:
        call = re.match(r"__(?:x64_)?sys_(\w+)$", function)
        if call and "kernel" in library:
            return call[1]
    return "page faults" if any("page_fault" in function for function, _ in stack) else "interrupts"


def _short(function):
    """Without arguments and template arguments."""
    name, depth = [], 0
    plain = function.replace("(anonymous namespace)", "{}").replace("operator()", "operator{}")
    for letter in plain:
        if letter in "<(":
            depth += 1
        elif letter in ">)":
            depth -= 1
        elif depth == 0:
            name.append(letter)
    return "".join(name).replace("millrace::", "").strip()


def record(pid, seconds, folder):
    """{"stages": {stage: {column: share}}, "kernel": {what: share}, "functions": [(share, function,
    stage)]}"""
    data = folder / "perf.data"
    subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "--call-graph",
                    "dwarf,8192", "-p", str(pid), "-o", data, "--", "sleep", str(seconds)],
                   check=True, capture_output=True)
    script = subprocess.run(["perf", "script", "--no-inline", "-i", data, "-F", "ip,sym,dso"],
                            check=True, capture_output=True, text=True, errors="replace")
    stages = collections.defaultdict(collections.Counter)
    functions, kernel, total = collections.Counter(), collections.Counter(), 0
    for stack in _frames(script.stdout):
        stage, column, total = _stage(stack), _column(stack), total + 1
        stages[stage][column] += 1
        functions[_short(stack[0][0]), stage] += 1
        if column == "kernel":
            kernel[_entry(stack)] += 1
    if total < 100:
        raise Failure(f"perf took only {total} samples")
    return {"samples": total,
            "stages": {stage: {column: count / total for column, count in columns.items()}
                       for stage, columns in stages.items()},
            "kernel": {what: count / total for what, count in kernel.most_common()},
            "functions": [(count / total, *key) for key, count in functions.most_common(40)]}


def show(profile):
    whole = profile["cpu_ms_per_channel_second"]
    print(f"\nCPU by stage, of {whole:.2f} ms per channel-second ({profile['samples']} samples)\n"
          f"{'stage':<26}{'ms':>7}{'share':>8}" + "".join(f"{name:>12}" for name in _COLUMNS))
    by_share = sorted(profile["stages"].items(), key=lambda item: -sum(item[1].values()))
    for stage, columns in by_share:
        share = sum(columns.values())
        print(f"{stage:<26}{whole * share:>7.3f}{share:>8.1%}" +
              "".join(f"{columns.get(name, 0):>12.1%}" for name in _COLUMNS))
    print("\nThe kernel's part: " + ", ".join(f"{what} {share:.1%}" for what, share in
                                             profile["kernel"].items() if share >= 0.002))
    print("\nFunctions by their own share")
    for share, function, stage in profile["functions"]:
        print(f"{share:>7.1%}  {function[:60]:<62}{stage}")
