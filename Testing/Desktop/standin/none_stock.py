"""A stock of references to None, for interpreters where None can run out of them.

PySide 6.12 takes None for immortal, as it is from Python 3.12 on (PEP 683), and gives one reference of it too many back at every
call without a result: a click, a timer's start, a property that is not set. On Python 3.10 and 3.11 the interpreter then ends
hard ("deallocating None") after some ten thousand of them, wherever it happens to be.
"""

from __future__ import annotations

import ctypes
import sys

STOCK = 1 << 40
"""More than any run of tests gives back."""


def fill() -> None:
    """Give None a stock of references; a second call, and Python 3.12 and newer, need nothing."""
    if sys.version_info < (3, 12) and sys.getrefcount(None) < STOCK // 2:
        # Py_INCREF that many times would take hours; the count is the first field of every object of CPython.
        ctypes.c_ssize_t.from_address(id(None)).value += STOCK
