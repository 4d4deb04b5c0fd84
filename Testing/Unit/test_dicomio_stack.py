"""Slice positions to a grid: analytic stacks, whole and broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.dicomio.agreement import disagreements, rescale_problems, unreadable
from SenseCarePlanningLib.dicomio.discover import choose_series, describe_series, is_sharp_kernel
from SenseCarePlanningLib.dicomio.headers import ImageHeader, PixelPlace
from SenseCarePlanningLib.dicomio.stack import build_stack, thickness_problems
from SenseCarePlanningLib.errors import InputError


def stack_of(count: int = 20, spacing: float = 1.25, orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0)) -> list[ImageHeader]:
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    return [
        ImageHeader(
            path=Path(f"s{k:03d}.dcm"),
            frame=-1,
            series_uid="1.2.3",
            sop_uid=f"1.2.3.{k}",
            sop_class="1.2.840.10008.5.1.4.1.1.2",
            modality="CT",
            image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
            instance_number=k + 1,
            rows=4,
            columns=6,
            position=tuple(np.array([-100.0, -50.0, 30.0]) + k * spacing * normal),
            orientation=orientation,
            pixel_spacing=(0.8, 0.7),
            bits_allocated=16,
            bits_stored=16,
            high_bit=15,
            signed=True,
            slope=1.0,
            intercept=-1024.0,
            pixels=PixelPlace("1.2.840.10008.1.2.1", 100, 48),
        )
        for k in range(count)
    ]


def moved(header: ImageHeader, *delta_mm: float) -> ImageHeader:
    assert header.position is not None
    return replace(header, position=tuple(np.array(header.position) + np.array(delta_mm)))


def test_unsorted_slices_give_the_exact_affine_with_row_and_column_spacing_in_their_places() -> None:
    headers = stack_of()
    stack, problems, warnings = build_stack(headers[::-1])
    assert (problems, warnings) == ([], [])
    assert stack is not None and [h.name for h in stack.headers] == [h.name for h in headers]
    expected = np.array([[0.7, 0, 0, -100], [0, 0.8, 0, -50], [0, 0, 1.25, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(stack.affine_ijk_to_lps, expected, atol=1e-9)


def test_an_oblique_stack_keeps_its_axes_and_is_right_handed() -> None:
    cosine, sine = np.cos(0.3), np.sin(0.3)
    stack, problems, _ = build_stack(stack_of(orientation=(cosine, sine, 0, 0, 0, -1)))
    assert problems == [] and stack is not None
    np.testing.assert_allclose(stack.affine_ijk_to_lps[:3, 2] / 1.25, np.cross([cosine, sine, 0], [0, 0, -1]), atol=1e-9)
    assert np.linalg.det(stack.affine_ijk_to_lps[:3, :3]) > 0


def test_missing_slices_are_told_with_their_positions() -> None:
    headers = stack_of()
    _, problems, _ = build_stack([h for k, h in enumerate(headers) if k not in (3, 10)])
    assert len(problems) == 1
    assert "2 slices are missing" in problems[0] and "33.75 mm" in problems[0] and "42.50 mm" in problems[0]


def test_duplicates_name_both_files() -> None:
    headers = stack_of()
    _, problems, _ = build_stack([*headers, replace(headers[4], path=Path("again.dcm"), sop_uid="9")])
    assert len(problems) == 1 and "s004.dcm = again.dcm" in problems[0]


def test_a_series_of_two_phases_is_named_as_such() -> None:
    headers = stack_of()
    _, problems, _ = build_stack([*headers, *(replace(h, path=Path(f"b{h.path.name}")) for h in headers)])
    assert any("every position holds 2 images" in problem for problem in problems)


def test_all_problems_of_one_stack_come_together() -> None:
    headers = stack_of(30)
    headers[5] = moved(headers[5], 0, 0, 0.5)
    headers[9] = moved(headers[9], 4, 0, 0)
    del headers[20]
    _, problems, _ = build_stack(headers)
    text = " | ".join(problems)
    assert "not evenly spaced" in text and "s005.dcm" in text
    assert "sideways" in text and "s009.dcm by 4.00 mm" in text
    assert "missing" in text


@pytest.mark.parametrize("degrees", [1.0, 5.0, 20.0])
def test_a_tilted_gantry_is_refused_with_its_angle(degrees: float) -> None:
    shear = np.tan(np.radians(degrees)) * 1.25
    _, problems, _ = build_stack([moved(h, 0, k * shear, 0) for k, h in enumerate(stack_of(60))])
    assert len(problems) == 1 and f"{degrees:.1f} degrees" in problems[0]


def test_positions_rounded_to_a_tenth_still_give_the_true_spacing() -> None:
    headers = stack_of(100, spacing=0.625)
    rounded = [replace(h, position=tuple(round(p, 1) for p in h.position or ())) for h in headers]
    stack, problems, _ = build_stack(rounded)
    assert problems == [] and stack is not None
    assert stack.spacing_mm == pytest.approx(0.625, abs=2e-4)


def test_swapped_positions_contradict_the_numbers() -> None:
    headers = stack_of()
    headers[7], headers[8] = replace(headers[7], position=headers[8].position), replace(headers[8], position=headers[7].position)
    _, problems, _ = build_stack(headers)
    assert len(problems) == 1 and "s007.dcm" in problems[0] and "s008.dcm" in problems[0]


def test_numbers_that_run_downwards_are_no_contradiction() -> None:
    headers = [replace(h, instance_number=100 - k) for k, h in enumerate(stack_of())]
    assert build_stack(headers)[1:] == ([], [])


@pytest.mark.parametrize(
    ("size", "refused", "warned"),
    [
        (1.0, 0, 0),
        (1.5, 0, 0),
        (1.5000000000000007, 0, 0),
        (1.51, 0, 1),
        (2.0, 0, 1),
        (3.0, 0, 1),
        (3.0004, 0, 1),
        (3.1, 1, 0),
        (5.0, 1, 0),
    ],
)
def test_slice_spacing_limits(size: float, refused: int, warned: int) -> None:
    problems, warnings = thickness_problems((), size, 0.7)
    assert (len(problems), len(warnings)) == (refused, warned)


def test_slices_that_disagree_are_named_and_identity_is_not() -> None:
    headers = stack_of()
    headers[3] = replace(headers[3], modality="MR", identity="someone else", rows=8, frame_of_reference_uid="1.9")
    text = " | ".join(disagreements(headers))
    for what in ("the modality", "the patient", "the image size", "the frame of reference"):
        assert f"{what} differs in 1 of 20" in text
    assert "s003.dcm" in text and "someone" not in text


def test_missing_attributes_and_short_pixels_are_named() -> None:
    headers = stack_of()
    headers[2] = replace(headers[2], position=None)
    headers[6] = replace(headers[6], pixels=PixelPlace("1.2.840.10008.1.2.1", 100, 40))
    assert sorted(unreadable(headers)) == [
        "40 bytes of pixel data, but 6 x 4 pixels take 48: s006.dcm",
        "ImagePositionPatient is missing: s002.dcm",
    ]


def test_rescale_missing_everywhere_warns_missing_in_one_refuses() -> None:
    headers = stack_of()
    none = [replace(h, slope=None, intercept=None) for h in headers]
    assert [len(part) for part in rescale_problems(none)] == [0, 1]
    assert [len(part) for part in rescale_problems([none[0], *headers[1:]])] == [1, 0]
    assert [len(part) for part in rescale_problems([replace(headers[0], intercept=-1000.0), *headers[1:]])] == [1, 0]


def series(uid: str, number: int, count: int = 150, spacing: float = 1.25, **changes: object) -> object:
    headers = [replace(h, series_uid=uid, series_number=number, **changes) for h in stack_of(count, spacing)]  # type: ignore[arg-type]
    return describe_series(headers)


def test_the_rule_prefers_original_thin_long_smooth_series() -> None:
    candidates = [
        series("1.1", 1, 2, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")),
        series("1.2", 2, 80, 2.5, kernel="STANDARD"),
        series("1.3", 3, 200, 1.0, kernel="LUNG"),
        series("1.4", 4, 200, 1.0, kernel="STANDARD"),
        series("1.5", 5, 160, 1.0, kernel="STANDARD"),
        series("1.6", 6, 300, 0.7, kernel="STANDARD", image_type=("DERIVED", "SECONDARY", "AXIAL")),
        series("1.7", 7, 300, 0.7, image_type=("DERIVED", "SECONDARY", "AXIAL", "MIP")),
        series("1.8", 8, 300, 0.7, modality="MR"),
    ]
    chosen, reason = choose_series(candidates)  # type: ignore[arg-type]
    assert chosen.number == 4
    assert "Series 4" in reason and "1.00 mm" in reason


def test_a_series_is_named_by_number_uid_or_end_of_uid_and_refused_otherwise() -> None:
    candidates = [series("1.2.840.11", 1), series("1.2.840.22", 2)]
    for wanted, number in (("2", 2), ("1.2.840.11", 1), ("0.22", 2)):
        assert choose_series(candidates, wanted)[0].number == number  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no series matches") as error:
        choose_series(candidates, "7")  # type: ignore[arg-type]
    assert len(error.value.problems) == 2


def test_without_an_eligible_series_each_says_why() -> None:
    with pytest.raises(InputError) as error:
        choose_series([series("1.1", 1, 3), series("1.2", 2, 100, 5.0)])  # type: ignore[list-item]
    assert "only 3 images" in error.value.problems[0] and "5.00 mm apart" in error.value.problems[1]


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [
        ("STANDARD", False),
        ("B31f", False),
        ("Br40d", False),
        ("B70f", True),
        ("Bl57", True),
        ("LUNG", True),
        ("FC08", False),
        (None, False),
    ],
)
def test_kernels(kernel: str | None, sharp: bool) -> None:
    assert is_sharp_kernel(kernel) is sharp
