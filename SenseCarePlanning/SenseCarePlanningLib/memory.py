"""Hands memory that was freed back to the machine, where the C library keeps it."""

from __future__ import annotations

import ctypes
import logging
import sys
from functools import lru_cache
from typing import Any

logger = logging.getLogger(__name__)


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
