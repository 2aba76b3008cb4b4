#!/usr/bin/env python3
"""Watches a live HLS channel as players do and judges it, rule by rule.

The URL is that of a multivariant playlist, or of one media playlist: then nothing is said of what a
multivariant playlist declares (MV-…) nor of renditions beside each other (XR-…, RR-…). Any server's
channel will do; only what Low-Latency HLS adds is judged where it is there.

Unless --no-probes is given it also sends single requests: blocking reloads of all kinds, ranges,
names that do not exist, HEAD, OPTIONS, and PUT, POST and DELETE of a playlist, which a server must
refuse. Do not send these to a server that is not yours.

Exit code 0: no rule is broken (there may be warnings); 1: at least one is; 2: nothing was judged, as
there is no live channel at the URL, or the options are wrong.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))

import httpc  # noqa: E402
import llhls  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=15.0, help="to watch it for; 15")
    parser.add_argument("--lenient-timing", action="store_true",
                        help="rules on times only warn: for a way or a machine that is not to blame")
    parser.add_argument("--no-probes", action="store_true",
                        help="only what a player asks for; much is not judged then")
    parser.add_argument("--ca", metavar="FILE",
                        help="authorities (PEM) that certificates are checked by, too")
    parser.add_argument("--all", action="store_true", help="print every rule, not only findings")
    parser.add_argument("--json", metavar="FILE", help="write everything to this file")
    options = parser.parse_args()
    if not options.seconds >= 1:
        parser.error("--seconds must be 1 or more")
    return options


def main():
    options = parse()
    try:
        if options.ca:
            httpc.trust(options.ca)
        check = llhls.Check(options.url, options.seconds, options.lenient_timing,
                            not options.no_probes)
        report = check.run()
        if options.json:
            write_json(options.json, check)
    except llhls.NothingToJudge as why:
        print(f"check_hls.py: {why}", file=sys.stderr)
        return 2
    except OSError as error:  # Of --ca and --json; what the network does is judged or told above.
        print(f"check_hls.py: {error.filename or options.ca or options.json}: "
              f"{error.strerror or error}", file=sys.stderr)
        return 2
    print(report.text(options.all))
    return 1 if report.count("FAIL") else 0


def write_json(path, check):
    report = check.report
    document = {"url": check.url, "seconds": check.seconds, "good": not report.count("FAIL"),
                "rules": report.items(), "figures": report.figures}
    pathlib.Path(path).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
