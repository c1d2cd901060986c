"""Shows phases and counts of long work on stderr."""

import re
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.markup import escape

from qcompiler.cli.common import err
from qcompiler.errors import printable
from qcompiler.progress import Progress

_AGAIN_SECONDS = 10.0


class Lines:
    """Progress as plain lines: one a phase, one more as counts grow for long, one as they end.

    The same words with other numbers, or with other details in parentheses, are the same phase.
    """

    def __init__(self) -> None:
        self._phase, self._shown, self._last = "", "", ""
        self._time = 0.0

    def tell(self, words: str) -> None:
        """Writes a line, if there is something new to say."""
        words = words.partition(" (")[0]
        phase = re.sub(r"\d+", "#", words)
        late = time.monotonic() > self._time + _AGAIN_SECONDS
        if phase != self._phase:
            self.end()
        if phase != self._phase or (late and words != self._shown):
            self._write(words)
        self._phase, self._last = phase, words

    def end(self) -> None:
        """Writes the last count of a phase, unless it is written."""
        if self._last != self._shown:
            self._write(self._last)

    def _write(self, words: str) -> None:
        sys.stderr.write(f"{printable(words)}\n")
        sys.stderr.flush()
        self._shown, self._time = words, time.monotonic()


@contextmanager
def showing_progress() -> Generator[Progress]:
    """Yields what is told the progress: shows it on one line of a terminal, else as `Lines`."""
    if err.is_terminal and not err.is_dumb_terminal:
        with err.status("starting") as status:
            yield lambda words: status.update(escape(printable(words)))
        return
    lines = Lines()
    yield lines.tell
    lines.end()
