"""Work side by side and in threads: all pieces in order, and no thread left behind whichever side fails or stops."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from SenseCarePlanningLib.errors import Cancelled
from SenseCarePlanningLib.pieces import in_threads, side_by_side
from SenseCarePlanningLib.progress import Progress


class _Counting:
    """Counts up, says where it runs, and whether it was closed."""

    def __init__(self, count: int, fails: bool = False) -> None:
        self.count, self.fails = count, fails
        self.threads: set[int] = set()
        self.closed = False

    def pieces(self) -> Generator[int, None, None]:
        """Yield 0, 1, 2 ..."""
        try:
            for number in range(self.count):
                self.threads.add(threading.get_ident())
                yield number
            if self.fails:
                raise OSError("the disk is full")
        finally:
            self.closed = True


def test_both_are_run_to_their_ends_and_only_the_second_in_a_thread() -> None:
    here, beside, heard = _Counting(3), _Counting(50), list[int]()
    own, others = side_by_side(here.pieces(), beside.pieces(), heard.append)
    assert own == [0, 1, 2]
    assert others == list(range(50))
    assert heard == list(range(1, 54))
    assert here.threads == {threading.get_ident()}
    assert threading.get_ident() not in beside.threads


def test_nothing_to_do_is_done() -> None:
    assert side_by_side(_Counting(0).pieces(), _Counting(0).pieces(), lambda _: None) == ([], [])


@pytest.mark.parametrize("which", ["here", "beside"])
def test_an_error_of_either_comes_through(which: str) -> None:
    here, beside = _Counting(3, which == "here"), _Counting(3, which == "beside")
    before = threading.active_count()
    with pytest.raises(OSError, match="disk is full"):
        side_by_side(here.pieces(), beside.pieces(), lambda _: None)
    assert here.closed
    assert beside.closed
    assert threading.active_count() == before


def test_a_request_to_stop_ends_both() -> None:
    here, beside = _Counting(5), _Counting(1000_000)

    def stop(count: int) -> None:
        """Stop at the second piece."""
        if count >= 2:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        side_by_side(here.pieces(), beside.pieces(), stop)
    assert here.closed
    assert beside.closed
    assert threading.active_count() == before


def test_threads_give_their_results_in_the_order_of_the_items() -> None:
    heard = list[int]()
    assert in_threads(lambda item, _: 10 * item, range(30), Progress(), heard=heard.append) == [10 * item for item in range(30)]
    assert heard == sorted(heard)
    assert heard[-1] == 30
    assert in_threads(lambda item, _: item, [], Progress()) == []


def test_an_error_in_a_thread_ends_the_others() -> None:
    before = threading.active_count()

    def work(item: int, told: Progress) -> int:
        """Fail at the first, and go on for ever at the others."""
        if item == 0:
            raise OSError("the disk is full")
        while True:
            told.check()

    with pytest.raises(OSError, match="disk is full"):
        in_threads(work, range(30), Progress())
    assert threading.active_count() == before


def test_a_request_to_stop_ends_what_goes_on_for_ever() -> None:
    asked = list[int]()

    class Impatient:
        """Stops at the second ask, and says in which thread it is asked."""

        def show(self, step: str, fraction: float) -> None:
            """Ignore the step."""

        def is_cancelled(self) -> bool:
            """Count."""
            asked.append(threading.get_ident())
            return len(asked) > 1

    def work(item: int, told: Progress) -> None:
        """Go on for ever."""
        while True:
            told.check()

    before = threading.active_count()
    with pytest.raises(Cancelled):
        in_threads(work, range(30), Progress(Impatient()))
    assert asked == [threading.get_ident()] * 2
    assert threading.active_count() == before
