"""Damage that decoders pass over: codes that do not add up, and rows that end shifted."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, features

from SenseCarePlanningLib.dicomio import jpeg2000
from SenseCarePlanningLib.dicomio.row_ends import has_shifted_row_end

needs_coder = pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow was built without JPEG 2000")


def slice_of_noise(seed: int, rows: int = 200, columns: int = 180) -> np.ndarray:
    """Return smooth anatomy with noise, HU, int16."""
    y, x = np.mgrid[:rows, :columns]
    smooth = 600 * np.sin(x / 23.0) * np.cos(y / 31.0) - 300
    return (smooth + np.random.default_rng(seed).normal(0, 10, smooth.shape)).astype(np.int16)


def coded(samples: np.ndarray, **options: object) -> bytes:
    target = io.BytesIO()
    settings = {"no_jp2": True, "irreversible": False, "signed": True, **options}
    Image.fromarray(samples.view(np.uint16)).save(target, "JPEG2000", **settings)
    return target.getvalue()


@needs_coder
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_resolutions": 3, "codeblock_size": (32, 16)},
        {"num_resolutions": 1},
        {"progression": "RPCL"},
        {"quality_mode": "rates", "quality_layers": [20, 5, 1]},
        {"quality_mode": "rates", "quality_layers": [20, 5, 1], "progression": "RLCP"},
    ],
)
def test_a_whole_stream_is_accounted_for_however_it_was_coded(options: dict[str, object]) -> None:
    samples = slice_of_noise(1)
    assert jpeg2000.accounts_for_stream(coded(samples, **options), samples) is True


@needs_coder
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (65, 3), (64, 64), (129, 127)])
def test_odd_sizes_are_taken_apart(shape: tuple[int, int]) -> None:
    samples = slice_of_noise(2, *shape)
    stream = coded(samples)
    parsed = jpeg2000.parse_blocks(stream)
    assert parsed is not None and (parsed[0].rows, parsed[0].columns) == shape
    assert jpeg2000.accounts_for_stream(stream, samples) is True


@needs_coder
@pytest.mark.parametrize("seed", range(12))
def test_garbage_within_a_code_that_decodes_is_seen(seed: int) -> None:
    generator = np.random.default_rng(seed)
    stream = bytearray(coded(slice_of_noise(seed)))
    start = int(generator.integers(300, len(stream) - 400))
    stream[start : start + 64] = generator.bytes(64)
    with Image.open(io.BytesIO(bytes(stream))) as image:
        decoded = np.asarray(image).astype(np.uint16).view(np.int16) ^ np.int16(-32768)
    # Pillow hands out signed samples raised by half their range; the account is made on what the decoder of DICOM gives.
    assert jpeg2000.accounts_for_stream(bytes(stream), decoded) is False


@needs_coder
def test_what_cannot_be_told_is_not_told() -> None:
    samples = slice_of_noise(3)
    assert jpeg2000.accounts_for_stream(coded(samples, irreversible=True), samples) is None
    assert jpeg2000.accounts_for_stream(coded(samples, tile_size=(64, 64)), samples) is None
    whole = coded(samples)
    assert jpeg2000.accounts_for_stream(whole[: len(whole) // 2] + struct.pack(">H", 0xFFD9), samples) is False
    assert jpeg2000.accounts_for_stream(b"no stream at all", samples) is False


@pytest.mark.parametrize("shift", [-40, 40])
@pytest.mark.parametrize("row", [1, 90, 198])
def test_a_shifted_row_end_is_seen(row: int, shift: int) -> None:
    values = slice_of_noise(4)
    assert not has_shifted_row_end(values)
    values[row, 60:] += np.int16(shift)
    assert has_shifted_row_end(values)


def test_what_anatomy_and_streaks_do_is_no_shifted_row_end() -> None:
    values = slice_of_noise(5)
    streak = values.copy()
    streak[100, 20:120] += np.int16(80)
    step = values.copy()
    step[100:, :] += np.int16(500)
    table = values.copy()
    table[[60, 61, 62]] += np.int16(300)
    border = np.full((200, 180), -3024, np.int16)
    inside = (np.mgrid[:200, :180][0] - 100) ** 2 + (np.mgrid[:200, :180][1] - 90) ** 2 < 85**2
    border[inside] = values[inside]
    for image in (streak, step, table, border, np.zeros((10, 10), np.int16)):
        assert not has_shifted_row_end(image)
