"""What a check found: verdicts by the rule ids of the LL-HLS requirements."""
import collections
import threading


class Report:
    """Any thread. `where` names the rendition or URL that a finding is about."""

    def __init__(self):
        self._lock = threading.Lock()
        self._findings = collections.OrderedDict()  # (verdict, rule, where) -> [count, message]
        self.judged = collections.Counter()  # Rule -> how often it was looked at.
        self.figures = {}

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

    def text(self):
        figures = [f"{name}: {value}" for name, value in self.figures.items()]
        return "\n".join(self.lines() + figures +
                         [f"{len(self.judged)} rules judged, {self.count('FAIL')} broken, "
                          f"{self.count('WARN')} warnings"])
