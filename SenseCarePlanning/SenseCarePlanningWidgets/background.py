"""Work beside the window: plain data in a thread, the scene in small pieces. Neither holds the window up.

Slicer's event loop need not let other Python threads run, so a timer lets them: it waits for the thread a moment, which gives it
the interpreter, and then the window has its turn.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import qt

TURN_S = 0.02
"""So long the thread, or the pieces, work before the window has its turn."""
PAUSE_MS = 2
_RUNNING: set[Background] = set()
"""Kept until their threads have ended, wanted or not."""


class _NoCollection:
    """No garbage is collected while a thread works.

    The collector runs in whichever thread happens to need memory, and may find Qt widgets and scene nodes there, which only the
    window's thread may destroy; it also stops all threads while it looks.
    """

    _holders = 0
    _was_on = False

    @classmethod
    def begin(cls) -> None:
        if cls._holders == 0:
            cls._was_on = gc.isenabled()
            gc.disable()
        cls._holders += 1

    @classmethod
    def end(cls) -> None:
        cls._holders -= 1
        if cls._holders == 0 and cls._was_on:
            gc.enable()


class Background:
    """Runs a function of plain data (no Qt, no scene) in a thread, and tells its result in the window's thread.

    Parameters
    ----------
    work
        Called without arguments, in the thread.
    on_done
        Called with what it returned.
    on_failed
        Called with the exception that it raised.
    """

    def __init__(self, work: Callable[[], Any], on_done: Callable[[Any], None], on_failed: Callable[[Exception], None]) -> None:
        self._work, self._on_done, self._on_failed = work, on_done, on_failed
        self._result: Any = None
        self._told = True
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._timer: Any = qt.QTimer()
        self._timer.interval = PAUSE_MS
        self._timer.connect("timeout()", self._look)

    def start(self) -> None:
        """Begin."""
        _NoCollection.begin()
        _RUNNING.add(self)
        self._thread.start()
        self._timer.start()

    def forget(self) -> None:
        """Tell nobody: what is computed is thrown away."""
        self._told = False

    def _run(self) -> None:
        try:
            self._result = self._work()
        except Exception as failure:
            self._failure = failure

    def _look(self) -> None:
        self._thread.join(TURN_S)
        if self._thread.is_alive():
            return
        self._timer.stop()
        _RUNNING.discard(self)
        _NoCollection.end()
        if not self._told:
            return
        if self._failure is not None:
            self._on_failed(self._failure)
        else:
            self._on_done(self._result)


class Newest:
    """Runs one piece of work after the other; of those that are wished for meanwhile, only the newest.

    Parameters
    ----------
    on_done, on_failed
        As for :class:`Background`, for each piece that was run.
    """

    def __init__(self, on_done: Callable[[Any], None], on_failed: Callable[[Exception], None]) -> None:
        self._on_done, self._on_failed = on_done, on_failed
        self._running: Background | None = None
        self._next: Callable[[], Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether a piece is run, or waits to be."""
        return self._running is not None

    @property
    def waiting(self) -> bool:
        """Whether a newer piece waits for the one that is run."""
        return self._next is not None

    def wish(self, work: Callable[[], Any]) -> None:
        """Run a piece of work as soon as the one before is done; one that waits is forgotten for it."""
        self._next = work
        if self._running is None:
            self._go_on()

    def forget(self) -> None:
        """Tell nobody of what is run, and run nothing more."""
        if self._running is not None:
            self._running.forget()
        self._running = self._next = None

    def _go_on(self) -> None:
        work, self._next = self._next, None
        if work is not None:
            self._running = Background(work, self._done, self._failed)
            self._running.start()

    def _done(self, result: Any) -> None:
        self._end(lambda: self._on_done(result))

    def _failed(self, failure: Exception) -> None:
        self._end(lambda: self._on_failed(failure))

    def _end(self, tell: Callable[[], None]) -> None:
        self._running = None
        try:
            tell()
        finally:
            if self._running is None:  # else whoever was told has wished for something already
                self._go_on()


class Pieces:
    """Runs a generator in the window's thread, a few pieces at a time.

    Parameters
    ----------
    pieces
        Yields where the window may have its turn; what it returns is the result.
    on_done, on_failed
        As for :class:`Background`.
    """

    def __init__(
        self, pieces: Generator[Any, None, Any], on_done: Callable[[Any], None], on_failed: Callable[[Exception], None]
    ) -> None:
        self._pieces, self._on_done, self._on_failed = pieces, on_done, on_failed
        self._timer: Any = qt.QTimer()
        self._timer.interval = 0
        self._timer.connect("timeout()", self._go_on)

    def start(self) -> None:
        """Begin with the next turn of the event loop."""
        self._timer.start()

    def forget(self) -> None:
        """Leave the rest undone."""
        self._timer.stop()
        self._pieces.close()

    def _go_on(self) -> None:
        begun = time.perf_counter()
        try:
            while time.perf_counter() - begun < TURN_S:
                next(self._pieces)
        except StopIteration as ended:
            self._timer.stop()
            self._on_done(ended.value)
        except Exception as failure:
            self._timer.stop()
            self._on_failed(failure)
