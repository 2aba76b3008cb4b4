"""What a check found: verdicts by the rules of rules.py."""
import collections
import threading

from rules import LEVELS, RULES


class Report:
    """Any thread. `where` names the rendition or URL that a finding is about."""

    def __init__(self):
        self._lock = threading.Lock()
        self._findings = collections.OrderedDict()  # (verdict, rule, where) -> [count, message]
        self.judged = collections.Counter()  # Rule -> how often it was looked at.
        self.figures = {}
        self._skipped = []  # (prefixes of rules, why they could not be judged)

    def ok(self, rule):
        with self._lock:
            self.judged[rule] += 1

    def fail(self, rule, where, message):
        self._add("FAIL", rule, where, message)

    def warn(self, rule, where, message):
        self._add("WARN", rule, where, message)

    def expect(self, condition, rule, where, message):
        """FAIL unless `condition`; either way the rule counts as judged."""
        if condition:
            self.ok(rule)
        else:
            self.fail(rule, where, message)
        return bool(condition)

    def prefer(self, condition, rule, where, message):
        """WARN unless `condition`."""
        if condition:
            self.ok(rule)
        else:
            self.warn(rule, where, message)
        return bool(condition)

    def skip(self, prefixes, why):
        """Rules that begin so, as far as they are not judged all the same, are not because of
        `why`."""
        with self._lock:
            self._skipped.append((tuple(prefixes), why))

    def _add(self, verdict, rule, where, message):
        with self._lock:
            self.judged[rule] += 1
            entry = self._findings.setdefault((verdict, rule, where), [0, message])
            entry[0] += 1

    def count(self, verdict):
        with self._lock:
            return sum(1 for key in self._findings if key[0] == verdict)

    def rules(self, verdict=None):
        with self._lock:
            return {rule for kind, rule, _ in self._findings if verdict in (None, kind)}

    def lines(self):
        with self._lock:
            items = sorted(self._findings.items(), key=lambda item: (item[0][0], item[0][1]))
        return [f"{verdict} {rule} [{where}] {message}" + (f" ({count} times)" if count > 1 else "")
                for (verdict, rule, where), (count, message) in items]

    # --- Rule by rule ---

    def items(self):
        """A dictionary for each rule, in the table's order; what is written as JSON."""
        with self._lock:
            findings = list(self._findings.items())
        return [self._item(rule, findings) for rule in RULES.values()]

    def _item(self, rule, findings):
        item = {"rule": rule.id, "level": LEVELS[rule.level], "title": rule.title,
                "looks": self.judged[rule.id], "findings": [
                    {"verdict": key[0], "where": key[2], "message": message, "times": count}
                    for key, (count, message) in findings if key[1] == rule.id]}
        verdicts = {finding["verdict"] for finding in item["findings"]}
        if verdicts:
            item["verdict"] = "FAIL" if "FAIL" in verdicts else "WARN"
        elif item["looks"]:
            item["verdict"] = "ok"
        else:
            item["verdict"] = "not judged"
            item["why"] = rule.never or self._why_skipped(rule.id) or rule.unless
        return item

    def _why_skipped(self, rule):
        return next((why for prefixes, why in self._skipped if rule.startswith(prefixes)), "")

    def text(self, every=False):
        """What is wrong, what was not judged, figures and a summary; `every` rule on its lines."""
        items = self.items()
        lines = []
        for item in items:
            if every or item["findings"]:
                lines.append(_headline(item))
                lines += [f"      {f['verdict']} [{f['where']}] {f['message']}" +
                          (f" ({f['times']} times)" if f["times"] > 1 else "")
                          for f in item["findings"]]
        if not every:
            lines.append(f"not judged here (--all says why): {' '.join(_unseen(items)) or 'none'}")
        lines += [f"{name}: {value}" for name, value in self.figures.items()]
        return "\n".join(lines + [self.summary(items)])

    @staticmethod
    def summary(items):
        count = collections.Counter(item["verdict"] for item in items)
        never = sum(1 for item in items if RULES[item["rule"]].never)
        return (f"{len(items) - count['not judged']} rules judged: {count['ok']} ok, "
                f"{count['FAIL']} broken, {count['WARN']} with warnings; not judged: "
                f"{count['not judged'] - never} here, {never} by no viewer")


def _unseen(items):
    """Ids of what a viewer could judge and this one did not; "CMAF" stands for all of them."""
    families = {}
    for item in items:
        if not RULES[item["rule"]].never:
            families.setdefault(item["rule"].partition("-")[0], []).append(item)
    for family, members in families.items():
        unseen = [item["rule"] for item in members if item["verdict"] == "not judged"]
        yield from [family] if len(unseen) == len(members) else unseen


def _headline(item):
    why = f": {item['why']}" if "why" in item else ""
    return f"{item['verdict']:<4} {item['rule']:<7} {item['title']} [{item['level']}]{why}"
