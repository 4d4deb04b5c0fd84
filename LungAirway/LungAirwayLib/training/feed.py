"""Batches made ahead of the network, in threads beside a CPU and in processes beside a GPU; the order never changes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bank import TrainingCase, open_bank
from .sampling import SamplingOptions, draw_batch

Batch = tuple[NDArray[np.float32], NDArray[np.uint8]]
_worker: dict[str, Any] = {}


def feed(
    bank: Path, real: bool, options: SamplingOptions, seed: int, first: int, workers: int, processes: bool
) -> Iterator[tuple[int, Batch]]:
    """Yield (number, batch) from ``first`` on, without end.

    Parameters
    ----------
    bank, real
        See :func:`~.bank.open_bank`.
    workers
        How many batches are made at the same time.
    processes
        Use processes instead of threads.
    """
    executor = _executor(bank, real, workers, processes)
    waiting: deque[tuple[int, Future[Batch]]] = deque()
    number = first
    try:
        while True:
            while len(waiting) < 2 * workers:
                waiting.append((number, executor.submit(_draw, options, seed, number)))
                number += 1
            ready, batch = waiting.popleft()
            yield ready, batch.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _executor(bank: Path, real: bool, workers: int, processes: bool) -> Executor:
    if not processes:
        _begin(bank, real)
        return ThreadPoolExecutor(workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(bank, real))


def _begin(bank: Path, real: bool) -> None:
    _worker["cases"] = open_bank(bank, real)


def _draw(options: SamplingOptions, seed: int, number: int) -> Batch:
    cases: tuple[TrainingCase, ...] = _worker["cases"]
    return draw_batch(cases, options, seed, number)
