"""Failures as one sentence with what to do, the details folded away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import slicer

from SenseCarePlanningLib.errors import InputError, SenseCareError

from .process_runner import RunOutcome
from .texts import sentence
from .texts import tr as _

logger = logging.getLogger(__name__)


def sentence_of(failure: BaseException | RunOutcome) -> str:
    """Return the sentence for a failure, in the user's language; an unforeseen one names its kind only."""
    if isinstance(failure, RunOutcome):
        return sentence(failure.message)
    if isinstance(failure, SenseCareError):
        return sentence(failure.user_message)
    if isinstance(failure, MemoryError):
        return _("The machine ran out of memory; close other programs and try again.")
    if isinstance(failure, OSError):
        return _("A file could not be read or written ({reason}); check the folder and try again.").format(
            reason=failure.strerror or type(failure).__name__
        )
    return _("Something unexpected went wrong ({kind}); try again, and report it with the details if it happens twice.").format(
        kind=type(failure).__name__
    )


def details_of(failure: BaseException | RunOutcome) -> str:
    """Return what stands below the sentence: every problem, then what an engineer needs."""
    if isinstance(failure, RunOutcome):
        return "\n".join([*(f"- {sentence(one)}" for one in failure.problems), *failure.log[-20:]])
    parts = [f"- {sentence(one)}" for one in failure.problems] if isinstance(failure, InputError) else []
    detail = failure.detail if isinstance(failure, SenseCareError) else str(failure)
    return "\n".join([*parts, *([detail] if detail else [])])


def show_failure(failure: BaseException | RunOutcome) -> str:
    """Show a failure in a box (in testing mode it is logged only) and return its sentence."""
    shown = sentence_of(failure)
    problems = failure.problems if isinstance(failure, (InputError, RunOutcome)) else ()
    text = "\n".join([shown, *(f"• {sentence(one)}" for one in problems)])
    details = details_of(failure)
    if details:
        slicer.util.errorDisplay(text, detailedText=details)
    else:
        slicer.util.errorDisplay(text)
    return shown


@contextmanager
def shown_failures() -> Iterator[None]:
    """Show any failure of the block and go on after it: for slots, which nobody could catch it from."""
    try:
        yield
    except Exception as failure:
        logger.info("failure shown to the user", exc_info=not isinstance(failure, SenseCareError))
        show_failure(failure)
