"""Errors whose message a clinician can act on."""

from __future__ import annotations

from collections.abc import Sequence


class SenseCareError(Exception):
    """A failure that the user is told about in one sentence.

    Parameters
    ----------
    user_message
        One sentence a clinician understands: what failed, in which series, what to do next. No patient identity.
    detail
        What an engineer needs besides: values, expected ranges. No patient identity.
    """

    exit_code = 1

    def __init__(self, user_message: str, detail: str = "") -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.detail = detail


class InputError(SenseCareError):
    """The input cannot be used; carries every problem found, not only the first.

    Parameters
    ----------
    user_message
        The summary sentence.
    problems
        One sentence for each problem, naming the file or slice where there is one.
    """

    exit_code = 2

    def __init__(self, user_message: str, problems: Sequence[str] = (), detail: str = "") -> None:
        super().__init__(user_message, detail)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([self.user_message, *(f"  - {problem}" for problem in self.problems)])


class Cancelled(SenseCareError):
    """The user stopped the run; nothing was written."""

    def __init__(self) -> None:
        super().__init__("Stopped at the user's request; nothing was written.")
