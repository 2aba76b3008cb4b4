"""The checker's own tests, so that a verdict of it means something."""
import sys

from harness import HERE, expect, test


@test(timeout=90)
def checker_finds_what_is_broken(case):
    tool = case.run("selftest", [sys.executable, HERE / "llhls_selftest.py"])
    code = tool.wait(80)
    expect(code == 0, tool.text())
    case.note(tool.text().strip().splitlines()[-1])
