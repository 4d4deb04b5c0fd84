"""Batches made ahead of the network, in threads beside a CPU and in processes beside a GPU; the order never changes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .sampling import Batch, SamplingOptions, draw_batch
from .task import TrainingTask

_worker: dict[str, Any] = {}


def feed(
    task: TrainingTask,
    bank: Path,
    real: bool,
    options: SamplingOptions,
    seed: int,
    first: int,
    workers: int,
    processes: bool,
) -> Iterator[tuple[int, Batch]]:
    """Yield (number, batch) from ``first`` on, without end.

    Parameters
    ----------
    bank, real
        What the task opens its cases with.
    workers
        How many batches are made at the same time.
    processes
        Use processes instead of threads.
    """
    executor = _executor(task, bank, real, workers, processes)
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


def _executor(task: TrainingTask, bank: Path, real: bool, workers: int, processes: bool) -> Executor:
    if not processes:
        _begin(task, bank, real)
        return ThreadPoolExecutor(workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(task, bank, real))


def _begin(task: TrainingTask, bank: Path, real: bool) -> None:
    _worker["task"], _worker["cases"] = task, task.open_cases(bank, real)


def _draw(options: SamplingOptions, seed: int, number: int) -> Batch:
    return draw_batch(_worker["task"], _worker["cases"], options, seed, number)
