"""Three ways to show progress on a console: a bar on a terminal, plain lines elsewhere, JSON lines for machines.

Bar and lines are in the language that the user chose; JSON lines are English in any, for the program that reads them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import unicodedata
from types import FrameType
from typing import Any, TextIO

from .i18n import translator
from .progress import ProgressSink

NAME_CELLS = 44
GRACE_S = 0.7
"""A request to stop waits so long for the work to ask for it; then the work is broken off where it is."""


class _Stoppable:
    """Remembers that the user pressed Ctrl-C or the parent process asked to end, and does not wait for long steps.

    Work that asks :meth:`is_cancelled` often ends by itself. Work that does not is interrupted after :data:`GRACE_S`, as
    soon as the library call that it is in returns (on Windows, which has no timer signal, at the second request).
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._request)
            signal.signal(signal.SIGTERM, self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():  # a second request does not wait for the step to come up for air
            raise KeyboardInterrupt
        self._stop.set()
        if HAS_TIMER:
            signal.signal(signal.SIGALRM, self._interrupt)
            signal.setitimer(signal.ITIMER_REAL, GRACE_S)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def is_cancelled(self) -> bool:
        """Tell whether a stop was asked for; then the work ends by itself and is not interrupted any more."""
        if self._stop.is_set():
            disarm()
        return self._stop.is_set()


HAS_TIMER = hasattr(signal, "setitimer") and hasattr(signal, "SIGALRM")


def disarm() -> None:
    """Let a request to stop that is under way interrupt nothing: the work is ending, or its results are complete."""
    if not HAS_TIMER or threading.current_thread() is not threading.main_thread():
        return
    if isinstance(getattr(signal.getsignal(signal.SIGALRM), "__self__", None), _Stoppable):
        signal.setitimer(signal.ITIMER_REAL, 0.0)


class TerminalBar(_Stoppable):
    """One line that redraws itself: the step's name, a bar and a percentage."""

    def __init__(self, stream: TextIO, language: str = "en") -> None:
        super().__init__()
        self._stream = stream
        self._words = translator(language)
        self._last = ""

    def show(self, step: str, fraction: float) -> None:
        """Redraw the line; a finished step keeps its line."""
        width = 24
        filled = int(width * fraction)
        name = in_cells(self._words.sentence(step), NAME_CELLS)
        line = f"\r{name} [{'#' * filled}{'.' * (width - filled)}] {100 * fraction:3.0f} %"
        if line == self._last:
            return
        self._last = line
        self._stream.write(line + ("\n" if fraction >= 1.0 else ""))
        self._stream.flush()


class PlainLines(_Stoppable):
    """A line when a step starts and one when it is done."""

    def __init__(self, stream: TextIO, language: str = "en") -> None:
        super().__init__()
        self._stream = stream
        self._words = translator(language)
        self._under_way: set[str] = set()
        self._ended = ""

    def show(self, step: str, fraction: float) -> None:
        """Write the step's name once at its start and once at its end.

        A step that reports its whole work as done ends once more by itself: the second end is not written.
        """
        if fraction >= 1.0:
            if step == self._ended:
                return
            self._stream.write(self._words("{step}: done").format(step=self._words.sentence(step)) + "\n")
            self._under_way.discard(step)
            self._ended = step
        elif step not in self._under_way:
            self._stream.write(f"{self._words.sentence(step)} ...\n")
            self._under_way.add(step)
            self._ended = ""
        else:
            return
        self._stream.flush()


class JsonLines(_Stoppable):
    """One JSON object a line: ``{"event": "progress", "step": ..., "fraction": ...}``."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._last: tuple[str, int] = ("", -1)

    def show(self, step: str, fraction: float) -> None:
        """Write a line for each whole percent."""
        state = (step, int(100 * fraction))
        if state != self._last:
            self._last = state
            self.write({"event": "progress", "step": step, "fraction": round(fraction, 3)})

    def write(self, record: dict[str, Any]) -> None:
        """Write any record as a line."""
        self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._stream.flush()


def console_sink(as_json: bool, language: str = "en") -> ProgressSink:
    """Return the sink that fits: JSON on request, a bar on a terminal, plain lines elsewhere.

    Parameters
    ----------
    language
        ``en`` or ``zh``, as the user chose it; see :func:`console_language`.
    """
    if as_json:
        return JsonLines(sys.stdout)
    shown = console_language(language)
    if sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb":
        return TerminalBar(sys.stderr, shown)
    return PlainLines(sys.stderr, shown)


def console_language(wanted: str, as_json: bool = False) -> str:
    """Return the language of what is written on the console: English in JSON and where it lacks the letters."""
    if wanted == "en" or as_json:
        return "en"
    sample = translator(wanted)("{step}: done")
    try:
        for stream in (sys.stdout, sys.stderr):
            sample.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "en"
    return wanted


def tell(text: str, as_json: bool, language: str = "en") -> None:
    """Tell the user one thing to beware of: a line of its own, or a JSON line for machines.

    Parameters
    ----------
    text
        The sentence, in the language of the console already.
    """
    if as_json:
        JsonLines(sys.stdout).write({"event": "note", "text": text})
    else:
        sys.stderr.write(translator(language)("Note: {text}").format(text=text) + "\n")


def in_cells(text: str, cells: int) -> str:
    """Cut or fill a text to so many cells of a terminal; Chinese letters take two."""
    kept, used = "", 0
    for letter in text:
        wide = 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
        if used + wide > cells:
            break
        kept, used = kept + letter, used + wide
    return kept + " " * (cells - used)
