"""NIfTI, NRRD and MetaImage, whole, odd and damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bad_input_base import (
    Base,
    Case,
    Made,
    flip,
    rotation,
)

from SenseCarePlanningLib.dicomio.files import write_volume
from SenseCarePlanningLib.volume import Volume


def _image_file(
    name: str, raw: Callable[[bytearray, random.Random], bytes] | None = None, change: Callable[[Volume], Volume] | None = None
) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        target.mkdir()
        path = target / name
        volume = change(base.volume) if change is not None else base.volume
        write_volume(volume, path)
        if raw is not None:
            path.write_bytes(raw(bytearray(path.read_bytes()), rng))
        return Made(path, volume)

    return make


def _sitk_file(name: str, build: Callable[[Volume], Any]) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        import SimpleITK as sitk

        target.mkdir()
        sitk.WriteImage(build(base.volume), str(target / name))
        return Made(target / name)

    return make


def file_cases() -> list[Case]:
    """NIfTI, NRRD and MetaImage, whole and damaged."""
    import SimpleITK as sitk

    group = "image files"

    def cut(raw: bytearray, rng: random.Random) -> bytes:
        return bytes(raw[: rng.randrange(1, len(raw) - 1)])

    def flip_body(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.randrange(len(raw) // 3, len(raw) - 10), rng)
        return bytes(raw)

    def flip_header(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.choice([*range(4), *range(40, 92), *range(104, 116), *range(252, 328), *range(344, 348)]), rng)
        return bytes(raw)

    def sheared(raw: bytearray, rng: random.Random) -> bytes:
        raw[252:256] = struct.pack("<2h", 0, 1)
        raw[284:288] = struct.pack("<f", 1.4)
        return bytes(raw)

    def no_codes(raw: bytearray, rng: random.Random) -> bytes:
        raw[252:256] = bytes(4)
        return bytes(raw)

    def array(volume: Volume, values: Any) -> Volume:
        return replace(volume, array_kji=values)

    def with_value(value: float) -> Callable[[Volume], Any]:
        def build(volume: Volume) -> Any:
            values = volume.array_kji.astype(np.float32)
            values[30, 50, 50] = value
            return sitk.GetImageFromArray(values)

        return build

    cases = [Case(f"{name}, whole", group, _image_file(f"ct{name}"), "right") for name in (".nii.gz", ".nii", ".nrrd", ".mha")]
    for name in (".nii.gz", ".nii", ".nrrd", ".mha"):
        cases += [Case(f"{name}, cut short {n}", group, _image_file(f"ct{name}", cut), "refused") for n in range(3)]
    for name in (".nii.gz", ".nrrd", ".mha"):
        cases += [Case(f"{name}, bit flipped in the data {n}", group, _image_file(f"ct{name}", flip_body)) for n in range(4)]
    cases += [Case(f".nii, bit flipped in the header {n}", group, _image_file("ct.nii", flip_header)) for n in range(40)]
    cases += [
        Case("NIfTI of zero bytes", group, _image_file("ct.nii.gz", lambda raw, rng: b""), "refused"),
        Case("text called .nii", group, _image_file("ct.nii", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .nii.gz", group, _image_file("ct.nii.gz", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .nrrd", group, _image_file("ct.nrrd", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .mha", group, _image_file("ct.mha", lambda raw, rng: b"text " * 200), "refused"),
        Case("sheared NIfTI", group, _image_file("ct.nii", sheared), "refused"),
        Case("NIfTI without orientation codes", group, _image_file("ct.nii", no_codes), "refused"),
        Case("NIfTI with NaN", group, _sitk_file("ct.nii", with_value(np.nan)), "refused"),
        Case("NIfTI with infinity", group, _sitk_file("ct.nii", with_value(np.inf)), "refused"),
        Case("2-D NIfTI", group, _sitk_file("ct.nii", lambda v: sitk.GetImageFromArray(v.array_kji[30])), "refused"),
        Case(
            "4-D NIfTI",
            group,
            _sitk_file("ct.nii", lambda v: sitk.JoinSeries([sitk.GetImageFromArray(v.array_kji)] * 2)),
            "refused",
        ),
        Case(
            "RGB NIfTI",
            group,
            _sitk_file(
                "ct.nii",
                lambda v: sitk.GetImageFromArray(np.repeat(v.array_kji[..., None], 3, 3).astype(np.uint8), isVector=True),
            ),
            "refused",
        ),
        Case(
            "NIfTI of 0 to 255",
            group,
            _image_file("ct.nii", None, lambda v: array(v, np.clip((v.array_kji + 1000) // 8, 0, 255).astype(np.int16))),
            "refused",
        ),
        Case(
            "NIfTI of 0 to 1",
            group,
            _image_file("ct.nii", None, lambda v: array(v, ((v.array_kji + 1024) / 4096).astype(np.float32))),
            "refused",
        ),
        Case(
            "NIfTI raised by 1024",
            group,
            _image_file("ct.nii", None, lambda v: array(v, (v.array_kji + 1024).astype(np.int16))),
            "refused",
        ),
        Case("a mask", group, _image_file("ct.nii", None, lambda v: array(v, (v.array_kji < -400).astype(np.int16))), "refused"),
        Case(
            "float NIfTI", group, _image_file("ct.nii", None, lambda v: array(v, v.array_kji.astype(np.float32) + 0.25)), "right"
        ),
        Case(
            "left-handed NIfTI",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=v.affine_ijk_to_lps @ np.diag([-1.0, 1, 1, 1]))),
            "right",
        ),
        Case(
            "oblique NIfTI",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=rotation(25) @ v.affine_ijk_to_lps)),
            "right",
        ),
        Case("NIfTI with k, j, i turned about", group, _image_file("ct.nii", None, _transposed), "right"),
        Case("NIfTI of 50 slices", group, _image_file("ct.nii", None, lambda v: array(v, v.array_kji[:50])), "refused"),
        Case(
            "NIfTI with voxels of 0.0026 mm",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=np.diag([0.0026, 0.0028, 0.0015, 1.0]))),
            "refused",
        ),
        Case(
            "NIfTI alone in a folder",
            group,
            lambda base, target, rng: Made(_image_file("ct.nii.gz")(base, target, rng).path.parent),
            "right",
        ),
    ]
    return cases


def _transposed(volume: Volume) -> Volume:
    affine = volume.affine_ijk_to_lps.copy()
    affine[:3, :3] = affine[:3, [2, 1, 0]]
    return replace(volume, array_kji=np.ascontiguousarray(volume.array_kji.transpose(2, 1, 0)), affine_ijk_to_lps=affine)
