"""Work beside the window: in a thread, and in pieces."""

from __future__ import annotations

import gc
import threading
import time

import pytest


def test_a_thread_tells_its_result_in_the_windows_thread(desktop):
    from SenseCarePlanningWidgets.background import Background

    heard = []
    work = Background(
        lambda: (threading.current_thread(), gc.isenabled()),
        lambda found: heard.append((found, threading.current_thread())),
        print,
    )
    work.start()
    assert heard == []
    desktop.process_events(until=lambda: bool(heard))
    (worker, collects), told_in = heard[0]
    assert told_in is threading.main_thread() and worker is not told_in
    assert not collects and gc.isenabled()


def test_the_window_lives_while_a_thread_computes(desktop):
    import qt

    from SenseCarePlanningWidgets.background import Background

    beats, done = [], []
    timer = qt.QTimer()
    timer.interval = 10
    timer.connect("timeout()", lambda: beats.append(time.perf_counter()))
    timer.start()

    def busy():
        end = time.perf_counter() + 1.0
        while time.perf_counter() < end:
            sum(range(1000))

    Background(busy, done.append, print).start()
    desktop.process_events(until=lambda: bool(done))
    timer.stop()
    assert len(beats) >= 5


def test_a_failure_is_told_and_a_forgotten_work_is_not(desktop):
    from SenseCarePlanningWidgets.background import Background

    told = []
    Background(lambda: 1 / 0, told.append, told.append).start()
    desktop.process_events(until=lambda: bool(told))
    assert isinstance(told[0], ZeroDivisionError)
    ended = threading.Event()
    forgotten = Background(ended.set, told.append, told.append)
    forgotten.start()
    forgotten.forget()
    desktop.process_events(until=lambda: ended.is_set() and gc.isenabled())
    assert len(told) == 1


def test_of_many_wishes_the_first_and_the_newest_are_run(desktop):
    from SenseCarePlanningWidgets.background import Newest

    told, free = [], threading.Event()
    newest = Newest(told.append, lambda failure: told.append(type(failure)))
    newest.wish(lambda: free.wait(5.0) and 1)
    for number in (2, 3, 4):
        newest.wish(lambda number=number: number)
    assert newest.busy and newest.waiting
    free.set()
    desktop.process_events(until=lambda: not newest.busy)
    assert told == [1, 4]
    newest.wish(lambda: 1 / 0)
    newest.wish(lambda: 5)
    desktop.process_events(until=lambda: not newest.busy)
    assert told[2:] == [ZeroDivisionError, 5]
    newest.wish(lambda: 6)
    newest.forget()
    desktop.process_events()
    assert 6 not in told and not newest.busy


def test_pieces_give_the_window_its_turn(desktop):
    from SenseCarePlanningWidgets import background

    order, told = [], []

    def pieces():
        for number in range(3):
            order.append(number)
            time.sleep(2 * background.TURN_S)
            yield
        return "whole"

    import qt

    qt.QTimer.singleShot(0, lambda: order.append("window"))
    background.Pieces(pieces(), told.append, print).start()
    desktop.process_events(until=lambda: bool(told))
    assert told == ["whole"]
    assert order.index("window") < len(order) - 1


def test_pieces_that_break_or_are_forgotten(desktop):
    from SenseCarePlanningWidgets.background import Pieces

    told, closed = [], []

    def breaking():
        yield
        raise ValueError("broken")

    def endless():
        try:
            while True:
                time.sleep(0.005)
                yield
        finally:
            closed.append(True)

    Pieces(breaking(), told.append, told.append).start()
    desktop.process_events(until=lambda: bool(told))
    assert isinstance(told[0], ValueError)
    work = Pieces(endless(), told.append, told.append)
    work.start()
    desktop.process_events()
    work.forget()
    assert closed == [True] and len(told) == 1


def test_all_at_once():
    from SenseCarePlanningLib.pieces import all_at_once

    def pieces():
        yield 1
        return 2

    assert all_at_once(pieces()) == 2
    with pytest.raises(TypeError):
        all_at_once(None)
