"""A registration that the user can stop at each of its steps; by itself SimpleITK hears nothing until it is done."""

from __future__ import annotations

import sys
from types import TracebackType

import SimpleITK as sitk

from SenseCarePlanningLib.progress import Progress


class _StopError(Exception):
    """Raised into SimpleITK, which ends on any error of a command; ``StopRegistration`` does not end its quasi-Newton search."""


def execute(method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image, progress: Progress) -> None:
    """Run a registration; its result is the same as without a look at ``progress`` at each step.

    Parameters
    ----------
    method
        With its metric, optimizer and initial transform, which is changed in place.
    progress
        Is asked in the calling thread whether to stop.

    Raises
    ------
    Cancelled
        When the user stopped the run; so KeyboardInterrupt when it is broken off.
    """
    ended: list[BaseException] = []

    def ask() -> None:
        """Let SimpleITK end when the work shall."""
        try:
            progress.check()
        except BaseException as error:
            ended.append(error)
            raise _StopError from None

    shown = sys.excepthook

    def without_ours(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Print what SimpleITK would print of an error in a command, but for a stop, which is no error."""
        if issubclass(kind, KeyboardInterrupt):
            ended.append(error)
        elif not issubclass(kind, _StopError):
            shown(kind, error, trace)

    method.AddCommand(sitk.sitkIterationEvent, ask)
    sys.excepthook = without_ours
    try:
        method.Execute(fixed, moving)
    except RuntimeError:
        if ended:
            raise ended[0] from None
        raise
    finally:
        sys.excepthook = shown
        method.RemoveAllCommands()
