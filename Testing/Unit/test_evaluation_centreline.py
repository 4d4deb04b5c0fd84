"""Rotterdam centreline scores on lines whose connections can be counted by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from SenseCarePlanningLib.evaluation.centreline import correspondence, evaluate_centreline
from SenseCarePlanningLib.evaluation.centreline_tree import evaluate_tree
from SenseCarePlanningLib.geometry import FloatArray


def line(*corners: tuple[float, float]) -> FloatArray:
    """A line through corners (x, y) at z = 0."""
    return np.array([(x, y, 0.0) for x, y in corners])


def straight(length: float = 20.0, offset: float = 0.0, start: float = 0.0) -> FloatArray:
    return line((start, offset), (start + length, offset))


def shortest_by_hand(first: FloatArray, second: FloatArray) -> float:
    """The textbook recursion, cell by cell."""
    cost = np.full((len(first), len(second)), np.inf)
    for row in range(len(first)):
        for column in range(len(second)):
            before = [cost[max(row - 1, 0), max(column - 1, 0)], cost[max(row - 1, 0), column], cost[row, max(column - 1, 0)]]
            base = 0.0 if row == column == 0 else min(before)
            cost[row, column] = base + np.linalg.norm(first[row] - second[column])
    return float(cost[-1, -1])


def test_the_same_line_scores_full() -> None:
    scores = evaluate_centreline(straight(), [1.0, 1.0], straight(), 1.0)
    assert (scores.overlap, scores.overlap_until_first_error, scores.overlap_relevant) == (1.0, 1.0, 1.0)
    assert scores.accuracy_inside_mm == 0.0


def test_a_parallel_line_inside_the_radius_is_all_hits_at_its_distance() -> None:
    scores = evaluate_centreline(straight(), [1.0, 1.0], straight(offset=0.4), 1.0)
    assert scores.overlap == 1.0
    assert scores.accuracy_inside_mm == pytest.approx(0.4)


def test_a_parallel_line_at_the_radius_is_a_miss() -> None:
    scores = evaluate_centreline(straight(), [1.0, 1.0], straight(offset=1.0), 1.0)
    assert (scores.overlap, scores.overlap_until_first_error, scores.overlap_relevant) == (0.0, 0.0, 0.0)
    assert scores.accuracy_inside_mm is None


def test_a_line_that_stops_early_by_hand() -> None:
    # 21 reference points at 0..20 mm, 11 evaluated at 0..10 mm, radius 1.5: the reference's 0..11 are hit (11 by the end at 10).
    scores = evaluate_centreline(straight(), [1.5, 1.5], straight(10.0), 1.0)
    assert scores.overlap == pytest.approx((12 + 11) / (21 + 11))
    assert scores.overlap_until_first_error == pytest.approx(12 / 21)
    assert scores.accuracy_inside_mm == pytest.approx(1.0 / 12)  # eleven of 0 mm and one of 1 mm


def test_a_line_too_long_has_false_points_but_no_error_on_the_reference() -> None:
    scores = evaluate_centreline(straight(10.0), [1.5, 1.5], straight(20.0), 1.0)
    assert scores.overlap == pytest.approx((11 + 12) / (11 + 21))
    assert scores.overlap_until_first_error == 1.0


def test_misses_in_the_first_five_millimetres_do_not_end_the_overlap() -> None:
    # Reference points 0, 1 (2 is 0.9 mm from the start at 2.9) are missed within 5 mm: left out; the other 19 of 21 are found.
    scores = evaluate_centreline(straight(), [1.0, 1.0], line((2.9, 0.0), (20.0, 0.0)), 1.0)
    assert scores.overlap_until_first_error == 1.0
    # The same gap at 6 mm ends it.
    gap = line((0.0, 0.0), (6.0, 0.0), (6.0, 9.0), (10.0, 9.0), (10.0, 0.0), (20.0, 0.0))
    assert evaluate_centreline(straight(), [1.0, 1.0], gap, 1.0).overlap_until_first_error == pytest.approx(7 / 21, abs=0.05)


def test_the_relevant_part_ends_at_the_last_wide_point() -> None:
    # Radius 2 mm to 10 mm, 0.5 mm beyond 11 mm, with 0.75 mm at 10 + 5/6 mm: points 0..10 count. The line leaves after 10 mm.
    reference = line((0.0, 0.0), (10.0, 0.0), (11.0, 0.0), (20.0, 0.0))
    scores = evaluate_centreline(reference, [2.0, 2.0, 0.5, 0.5], straight(10.0), 1.0)
    assert scores.overlap_relevant == 1.0
    assert scores.overlap == pytest.approx(22 / 32)
    # What follows the wrong way beyond the wide part counts in OV and not in OT.
    astray = evaluate_centreline(reference, [2.0, 2.0, 0.5, 0.5], line((0.0, 0.0), (10.0, 0.0), (20.0, 8.0)), 1.0)
    assert astray.overlap_relevant == 1.0
    assert astray.overlap < 0.6
    # A stenosis inside the wide part stays in it.
    narrow = evaluate_centreline(line((0, 0), (5, 0), (20, 0)), [2.0, 0.2, 2.0], straight(offset=0.3), 1.0)
    assert narrow.overlap_relevant == narrow.overlap < 1.0


def test_a_thin_vessel_has_no_relevant_part() -> None:
    assert evaluate_centreline(straight(), [0.5, 0.5], straight(), 1.0).overlap_relevant is None


def test_a_line_from_inside_the_parent_vessel_is_cut_at_the_disc() -> None:
    long = straight(30.0, start=-10.0)
    assert evaluate_centreline(straight(), [1.0, 1.0], long, 1.0).overlap == 1.0
    assert evaluate_centreline(straight(), [1.0, 1.0], long, 1.0, clip_at_start=False).overlap < 0.9
    beside = line((-5.0, 3.0), (5.0, 3.0), (5.0, 0.0), (20.0, 0.0))  # crosses the plane 3 mm from the start: not on the disc
    with_clip, without = (evaluate_centreline(straight(), [1.0, 1.0], beside, 1.0, clip) for clip in (True, False))
    assert with_clip == without


def test_nothing_found_scores_nothing() -> None:
    scores = evaluate_centreline(straight(), [1.0, 1.0], np.zeros((0, 3)))
    assert (scores.overlap, scores.overlap_until_first_error, scores.overlap_relevant) == (0.0, 0.0, 0.0)
    assert scores.accuracy_inside_mm is None


def test_the_correspondence_is_the_shortest_monotone_one() -> None:
    random = np.random.default_rng(3)
    for rows, columns in ((2, 2), (7, 12), (15, 4), (1, 5)):
        first, second = random.normal(size=(rows, 3)), random.normal(size=(columns, 3))
        on_first, on_second = correspondence(first, second)
        assert np.linalg.norm(first[on_first] - second[on_second], axis=1).sum() == pytest.approx(shortest_by_hand(first, second))
        assert set(on_first) == set(range(rows)) and set(on_second) == set(range(columns))
        for index in (on_first, on_second):
            assert all(0 <= after - before <= 1 for before, after in pairwise(index))


def test_the_default_step_gives_the_same_answer_as_the_arithmetic() -> None:
    scores = evaluate_centreline(straight(3.0), [1.0, 1.0], straight(3.0, offset=0.25))
    assert (scores.overlap, scores.overlap_until_first_error) == (1.0, 1.0)
    assert scores.accuracy_inside_mm == pytest.approx(0.25)


@pytest.mark.parametrize(("points", "radii"), [([(0, 0, 0)], [1.0]), ([(0, 0, 0), (1, 0, 0)], [1.0]), (straight(), [1.0, 0.0])])
def test_a_bad_reference_is_refused(points: FloatArray, radii: list[float]) -> None:
    with pytest.raises(ValueError, match="positive radii"):
        evaluate_centreline(points, radii, straight())


# --- whole trees


def test_a_whole_tree_is_scored_point_by_point_by_hand() -> None:
    # 21 + 11 reference points, the second vessel (half as wide) is missed; 21 true points and 5 that lie on nothing
    trunk, branch = straight(), line((10.0, 5.0), (10.0, 15.0))
    wide, thin = np.full(2, 1.0), np.full(2, 0.5)
    lines = [straight(offset=0.4), line((0.0, 30.0), (4.0, 30.0))]
    scores = evaluate_tree([(trunk, wide), (branch, thin)], lines, spacing_mm=1.0)
    assert scores.overlap == pytest.approx((21 + 21) / (32 + 26))
    assert scores.found == pytest.approx(21 / 32)
    assert scores.true_of_found == pytest.approx(21 / 26)
    assert scores.accuracy_inside_mm == pytest.approx(0.4)
    assert scores.false_mm == pytest.approx(5.0)
    # the thin vessel is not asked for; of the false line, points that are nearest to it are not either
    assert scores.overlap_relevant == pytest.approx(1.0)


def test_what_lies_on_a_known_vessel_that_is_not_asked_for_is_not_false() -> None:
    trunk, other = straight(), straight(offset=10.0)
    radius = np.full(2, 1.0)
    lines = [straight(), straight(offset=10.0)]
    assert evaluate_tree([(trunk, radius)], lines, spacing_mm=1.0).overlap == pytest.approx((21 + 21) / (21 + 42))
    known = [(trunk, radius), (other, radius)]
    assert evaluate_tree([(trunk, radius)], lines, known, spacing_mm=1.0).overlap == 1.0


def test_a_tree_that_was_not_found_scores_nothing_and_none_to_find_is_refused() -> None:
    scores = evaluate_tree([(straight(), np.full(2, 1.0))], [])
    assert (scores.overlap, scores.overlap_relevant, scores.found) == (0.0, 0.0, 0.0)
    assert scores.accuracy_inside_mm is None and scores.true_of_found is None
    with pytest.raises(ValueError, match="at least one"):
        evaluate_tree([], [straight()])
