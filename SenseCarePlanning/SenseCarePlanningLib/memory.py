"""Measures the peak of resident memory, and hands memory that was freed back to the machine where the C library keeps it."""

from __future__ import annotations

import ctypes
import logging
import math
import re
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_before: list[float] = []
"""The highest peak before it was set back; empty while it never was."""


@dataclass
class PeakMemory:
    """Peak resident memory of this process during steps that may lie within each other.

    Linux keeps the peak and lets a process set its own back (``clear_refs``, proc(5)), which costs microseconds and no
    thread; what a program outside reads of it afterwards is the peak since then. Elsewhere the peak during a step is not
    known (NaN).
    """

    _open: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Begin a step, within those that were begun and not ended."""
        self._note()
        self._open.append(0.0)

    def end(self) -> float:
        """End the step begun last and return its peak in MB, NaN where the system does not tell."""
        told = self._note()
        peak = self._open.pop()
        return peak if told else float("nan")

    def _note(self) -> bool:
        """Give the peak so far to all open steps, and begin a new one; tell whether the system lets us."""
        peak = _since_set_back_mb()
        _before[:] = [peak_memory_mb()]
        self._open = [max(value, peak) for value in self._open]
        try:
            _CLEAR.write_text("5")
        except OSError:
            return False
        return math.isfinite(peak)


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process over its life in MB; NaN where the system does not tell."""
    return max([_since_set_back_mb(), *_before])


def _since_set_back_mb() -> float:
    try:
        return int(re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())[1]) / 1024.0  # type: ignore[index]
    except (OSError, TypeError):
        pass
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)


def give_memory_back() -> None:
    """Return freed memory to the machine: glibc keeps what many threads freed in pieces, a GB after pictures drawn in software.

    Costs some milliseconds; does nothing where the C library has no such call (macOS, Windows, musl).
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError) as error:
        logger.debug("no malloc_trim: %s", type(error).__name__)
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


def whole_megabytes(value: float) -> int | None:
    """Return megabytes for a record, None where they are not known: JSON has no NaN."""
    return round(value) if math.isfinite(value) else None
