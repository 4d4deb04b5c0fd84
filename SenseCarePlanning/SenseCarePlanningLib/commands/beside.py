"""Runs one piece of work on the second core, in a process of its own, while the caller goes on."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from ..errors import SenseCareError

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


@contextmanager
def beside(work: Callable[..., Result], *arguments: Any) -> Iterator[Callable[[], Result]]:
    """Start ``work(*arguments)`` in another process and give a function that waits for its result.

    The process is spawned, not forked: VTK, ITK and OpenMP keep threads that a fork would lose. If the block ends with an
    error the process is ended too.

    Parameters
    ----------
    work
        A module-level function; it and its arguments are pickled.

    Raises
    ------
    SenseCareError
        From the waiting function: what the work raised, or that its process was ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sender, logging.getLogger().level, work, arguments), daemon=True)
    process.start()
    sender.close()

    def wait() -> Result:
        """Return what the second process worked out, or raise what it raised."""
        try:
            error, value = receiver.recv()
        except EOFError:
            process.join()
            raise SenseCareError(
                "A second process was ended from outside, perhaps for want of memory; nothing was written. "
                "Close other programs and try again."
            ) from None
        process.join()
        if error is not None:
            raise error
        result: Result = value
        return result

    try:
        yield wait
    finally:
        if process.is_alive():
            process.terminate()
        process.join()
        receiver.close()


def _serve(sender: Connection, log_level: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    # The terminal sends Ctrl-C to both processes; the caller decides what it means and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=log_level, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("highdicom").setLevel(logging.WARNING)
    try:
        sender.send((None, work(*arguments)))
    except SenseCareError as error:
        sender.send((error, None))
    except Exception as error:
        logger.info("unexpected failure", exc_info=True)
        sender.send((SenseCareError(f"{work.__name__} failed unexpectedly ({type(error).__name__}: {error})."), None))
