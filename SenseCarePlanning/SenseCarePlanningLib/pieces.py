"""Work in pieces: a generator that a window runs a little at a time, and a script all at once, or beside another one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")
Piece = TypeVar("Piece")


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
