"""Patches cover the image, blend to the identity, and the model list is checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.registry import read_registry
from SenseCarePlanningLib.inference.sliding_window import gaussian_window, patch_starts, slide
from SenseCarePlanningLib.progress import Progress


@pytest.mark.parametrize("shape", [(5, 9, 31), (16, 16, 16), (33, 20, 17), (1, 1, 1)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.75])
def test_identity_network_gives_the_image_back(shape: tuple[int, int, int], overlap: float) -> None:
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    np.testing.assert_allclose(slide(image, lambda patch: patch, (8, 8, 8), Progress(), overlap), image, atol=1e-5)


@pytest.mark.parametrize(("size", "patch", "overlap"), [(100, 32, 0.5), (33, 32, 0.0), (64, 32, 0.9), (7, 8, 0.5)])
def test_starts_cover_every_voxel_and_stay_inside(size: int, patch: int, overlap: float) -> None:
    starts = patch_starts(size, patch, overlap)
    covered = {position for start in starts for position in range(start, start + patch)}
    assert set(range(size)) <= covered
    assert max(starts) + patch <= max(size, patch)


@pytest.mark.parametrize("overlap", [1.0, -0.1])
def test_impossible_overlap(overlap: float) -> None:
    with pytest.raises(ValueError, match="overlap"):
        patch_starts(10, 5, overlap)


def test_window_is_symmetric_and_never_zero() -> None:
    window = gaussian_window((5, 6, 7))
    np.testing.assert_allclose(window, window[::-1, ::-1, ::-1])
    assert window.min() >= 1e-3
    assert window.max() == pytest.approx(window[2, 2:4, 3].max())


def test_network_that_shrinks_its_patch_is_an_error() -> None:
    with pytest.raises(ValueError, match="returned"):
        slide(np.zeros((1, 8, 8, 8), dtype=np.float32), lambda patch: patch[:, 1:], (8, 8, 8), Progress())


def test_model_list_round_trip_and_all_problems_at_once(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    row = {
        "id": "a",
        "title": "A",
        "licence": "Apache-2.0",
        "sha256": "0" * 64,
        "intended_use": "research",
        "quality": {"TD": 95.0},
    }
    path.write_text(json.dumps({"models": [row]}))
    assert read_registry(path)["a"].quality == {"TD": 95.0}
    path.write_text(json.dumps({"models": [row, row, {**row, "sha256": "xyz"}, {"id": "b"}, 7]}))
    with pytest.raises(InputError) as caught:
        read_registry(path)
    text = str(caught.value)
    for part in ("used twice", "hexadecimal", "title is missing", "expected an object"):
        assert part in text
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_registry(path)
