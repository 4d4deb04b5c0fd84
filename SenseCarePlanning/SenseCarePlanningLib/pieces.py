"""Work in pieces: generators that a window runs a little at a time and a script all at once or side by side; work in threads."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from .progress import Progress

Result = TypeVar("Result")
Piece = TypeVar("Piece")
PATIENCE_S = 0.2
"""So long the threads' work is waited for until a request to stop is looked for again."""


def all_at_once(pieces: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(pieces)
        except StopIteration as ended:
            result: Result = ended.value
            return result


def side_by_side(
    here: Generator[Piece, None, None], beside: Generator[Piece, None, None], heard: Callable[[int], None]
) -> tuple[list[Piece], list[Piece]]:
    """Run two generators to their ends at the same time, the second in a thread of its own; return the pieces of each.

    That is quicker where both spend their time in libraries that let other threads work meanwhile. The first stays in the calling
    thread, for libraries that demand that.

    Parameters
    ----------
    heard
        Is called in this thread with the number of pieces so far, and may raise to stop both.

    Raises
    ------
    Exception
        What either generator, or ``heard``, raised; then no thread is left at work, and both generators are closed.
    """
    done: queue.SimpleQueue[Piece | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        """Run the second generator until it ends, fails or is stopped."""
        ended: BaseException | None = None
        try:
            for piece in beside:
                done.put(piece)
                if stop.is_set():
                    beside.close()
                    break
        except BaseException as error:  # is raised in the calling thread
            ended = error
        done.put(ended)

    own: list[Piece] = []
    others: list[Piece] = []

    def take(wait: bool) -> bool:
        """Take what the second generator made; tell whether it goes on."""
        while wait or not done.empty():
            piece = done.get()
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                return False
            others.append(piece)
            heard(len(own) + len(others))
        return True

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        goes_on = True
        for piece in here:
            own.append(piece)
            heard(len(own) + len(others))
            goes_on = goes_on and take(wait=False)
        if goes_on:
            take(wait=True)
    finally:
        stop.set()
        here.close()
        thread.join()
    return own, others


class _Told:
    """The sink of work in a thread: shows nothing, and is told to stop by the thread that waits for it."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def show(self, step: str, fraction: float) -> None:
        """Ignore the step."""

    def is_cancelled(self) -> bool:
        """Tell whether the work is no longer wanted."""
        return self.stop.is_set()


def in_threads(
    work: Callable[[Piece, Progress], Result],
    items: Iterable[Piece],
    progress: Progress,
    most: int = 4,
    heard: Callable[[int], None] | None = None,
) -> list[Result]:
    """Do the same work on several items, as many at a time as there are cores; return the results in the items' order.

    Parameters
    ----------
    work
        Is given an item and a progress whose ``check`` it calls often: it raises when the others' work is not wanted any more.
    progress
        Asked by the calling thread alone, several times a second, whether to stop.
    most
        So many at a time at most.
    heard
        Is called in this thread with the number of items done, and may raise to stop all.

    Raises
    ------
    Exception
        What the work, ``progress`` or ``heard`` raised; then no thread is left at work.
    """
    told = _Told()
    own = Progress(told)
    with ThreadPoolExecutor(max_workers=min(most, os.cpu_count() or 1)) as pool:
        asked = [pool.submit(work, one, own) for one in items]
        left = set(asked)
        try:
            while left:
                ended, left = wait(left, PATIENCE_S, FIRST_COMPLETED)
                progress.check()
                for one in ended:
                    one.result()
                if ended and heard is not None:
                    heard(len(asked) - len(left))
        except BaseException:
            told.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [one.result() for one in asked]
