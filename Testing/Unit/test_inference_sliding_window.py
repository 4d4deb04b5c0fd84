"""Patches cover the image, blend to the identity, and the model list is checked."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.registry import read_registry
from SenseCarePlanningLib.inference.sliding_window import fitted_patch, gaussian_window, patch_starts, slide
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


@pytest.mark.parametrize("shape", [(430, 314, 430), (100, 60, 30), (181, 180, 16), (1, 145, 1000)])
def test_fitted_patches_cover_the_image_with_the_overlap_asked_for(shape: tuple[int, int, int]) -> None:
    patch = fitted_patch(shape, (144, 144, 144), 16, 0.15)
    shares = [min(0.15 * 144 / size, 0.15) for size in patch]
    for have, size, share in zip(shape, patch, shares, strict=True):
        assert size % 16 == 0 and size <= 192
        starts = patch_starts(have, size, share)
        assert all(later - earlier <= size - int(share * size) for earlier, later in pairwise(starts))
        assert starts[0] == 0 and starts[-1] + size >= have
    run = np.prod([len(patch_starts(*one)) * one[1] for one in zip(shape, patch, shares, strict=True)])
    fixed = np.prod([len(patch_starts(have, 144, 0.15)) * 144 for have in shape])
    assert run <= fixed
