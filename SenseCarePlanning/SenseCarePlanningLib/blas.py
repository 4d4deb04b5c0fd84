"""Linear algebra on one thread: many small systems are solved, and several threads on each mostly wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep the linear algebra of this process to one thread meanwhile; also serves as a decorator.

    Measured on two cores: the walls of a heart's vessels take half the time.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """Return what knows the loaded libraries; looking them up takes milliseconds, so once."""
    import scipy.linalg  # noqa: F401  -- loads its own library, which has threads of its own
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
