"""Work on the second core: its result comes back, its errors too, and it does not outlive a failing caller."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from SenseCarePlanningLib.commands.beside import beside
from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.whole_folder import check_output_folder, whole_folder


def test_the_result_comes_back() -> None:
    with beside(os.path.join, "a", "b") as wait:
        assert wait() == os.path.join("a", "b")


def test_its_own_errors_come_back_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with beside(check_output_folder, tmp_path / "file") as wait, pytest.raises(InputError, match="is a file"):
        wait()


def test_an_unexpected_error_names_the_work() -> None:
    with beside(os.listdir, "/nowhere/at/all") as wait, pytest.raises(SenseCareError, match="listdir failed"):
        wait()


def test_a_process_ended_from_outside_is_told() -> None:
    with beside(os._exit, 3) as wait, pytest.raises(SenseCareError, match="ended from outside"):
        wait()


def test_it_ends_with_a_failing_caller() -> None:
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError), beside(time.sleep, 600):
        raise ZeroDivisionError
    assert time.monotonic() - start < 300


def test_a_failure_beside_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SenseCareError), whole_folder(tmp_path / "out"), beside(os._exit, 3) as wait:
        wait()
    assert list(tmp_path.iterdir()) == []
