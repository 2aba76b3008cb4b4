"""What the programs that play with a foreign library have in common: lines of JSON on standard output
about how it goes, ten a second."""
import json
import threading
import time


class Played:
    """Counts pictures and tells. Any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._count, self._shown_at, self._gap, self._made_at = 0, None, 0.0, None

    def shown(self, behind):
        """A picture, and how many seconds ago it was made."""
        now = time.time()
        with self._lock:
            # The first ones come as they can: players show one while they still fill their buffers.
            if self._count > 30:
                self._gap = max(self._gap, now - self._shown_at)
            self._count, self._shown_at = self._count + 1, now
            self._made_at = now - behind

    def tell(self, position):
        """`position` in seconds, or None before there is one."""
        with self._lock:
            self.write(at=time.time(), position=position, pictures=self._count, gap=self._gap,
                       made_at=self._made_at)

    @staticmethod
    def write(**values):
        print(json.dumps(values), flush=True)
