"""Progress and cancelling as a parameter, so that the same algorithm runs behind a terminal, a dialog or nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from .errors import Cancelled
from .memory import PeakMemory

logger = logging.getLogger(__name__)


class ProgressSink(Protocol):
    """What a front end implements to hear how far a run is."""

    def show(self, step: str, fraction: float) -> None:
        """Show that ``step`` has come to ``fraction`` (0 to 1)."""

    def is_cancelled(self) -> bool:
        """Tell whether the user asked to stop."""


class Silent:
    """A sink that shows nothing and never cancels."""

    def show(self, step: str, fraction: float) -> None:
        """Ignore the step."""

    def is_cancelled(self) -> bool:
        """Return False."""
        return False


@dataclass(frozen=True)
class StepRecord:
    """Seconds of one finished step, and the peak of its process's resident memory during it (MB, NaN where not known)."""

    name: str
    seconds: float
    peak_memory_mb: float


@dataclass
class Progress:
    """Times the named steps of one run, passes them to a sink and stops the run when the sink asks.

    Parameters
    ----------
    sink
        The front end's display; silent by default.
    """

    sink: ProgressSink = field(default_factory=Silent)
    records: list[StepRecord] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    memory: PeakMemory = field(default_factory=PeakMemory)
    _step: str = ""

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run a named step: shown at start and end, timed, one log line.

        Raises
        ------
        Cancelled
            When the sink has been asked to stop.
        """
        outer, self._step = self._step, name
        self.update(0.0)
        start = time.perf_counter()
        self.memory.begin()
        try:
            yield
        finally:
            self._step = outer
            peak = self.memory.end()
        seconds = time.perf_counter() - start
        self.records.append(StepRecord(name, seconds, peak))
        self.sink.show(name, 1.0)
        logger.info("%s: %.1f s", name, seconds)

    def check(self) -> None:
        """Honour a request to stop without a word of how far the step is: for long work that cannot tell.

        Raises
        ------
        Cancelled
            When the sink has been asked to stop.
        """
        if self.sink.is_cancelled():
            raise Cancelled()

    def update(self, fraction: float) -> None:
        """Report how far the current step is (0 to 1) and honour a request to stop.

        Raises
        ------
        Cancelled
            When the sink has been asked to stop.
        """
        self.check()
        self.sink.show(self._step, float(min(max(fraction, 0.0), 1.0)))
