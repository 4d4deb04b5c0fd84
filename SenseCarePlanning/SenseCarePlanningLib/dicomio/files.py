"""Volumes and label maps in NIfTI, NRRD and MetaImage files."""

from __future__ import annotations

import logging
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import FloatArray
from ..volume import LabelMap, Volume
from .nifti_header import check_nifti, is_nifti

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")

# The largest deviation of a direction matrix from orthonormal that rounding in a text header explains.
ORTHOGONALITY_TOLERANCE = 1e-3


def is_image_file(path: Path) -> bool:
    """Tell whether the name is that of a NIfTI, NRRD or MetaImage file."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def direction_is_orthonormal(affine: FloatArray) -> bool:
    """Tell whether the axes of a 4x4 affine are at right angles to each other."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() <= ORTHOGONALITY_TOLERANCE)


def affine_of(image: sitk.Image) -> FloatArray:
    """Return the (4, 4) affine from (i, j, k) to LPS mm of a SimpleITK image."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def _image_from_array(array_kji: NDArray[Any], affine: FloatArray) -> sitk.Image:
    if not direction_is_orthonormal(affine):
        raise ValueError("the affine is sheared: image files hold only grids whose axes are at right angles")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array_kji))
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in affine[:3, 3]])
    image.SetDirection([float(value) for value in (affine[:3, :3] / spacing).ravel()])
    return image


def sitk_from_volume(volume: Volume | LabelMap) -> sitk.Image:
    """Copy a volume or label map into a SimpleITK image at the same place.

    Raises
    ------
    ValueError
        When the affine is sheared.
    """
    return _image_from_array(volume.array_kji, volume.affine_ijk_to_lps)


def volume_from_sitk(image: sitk.Image, modality: str = "CT") -> Volume:
    """Copy a 3-D scalar SimpleITK image into a volume; integers become int16 where they fit, the rest float32."""
    return Volume(_as_int16_or_float32(sitk.GetArrayFromImage(image)), affine_of(image), modality)


def _as_int16_or_float32(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == np.int16:
        return array
    if array.dtype.kind in "iub":
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        if low >= -32768 and high <= 32767:
            return np.asarray(array, dtype=np.int16)
        return np.asarray(array, dtype=np.float32)
    # Many tools write integer HU as float: int16 halves the memory and loses nothing.
    if array.size and np.isfinite(array).all() and np.abs(array).max() < 32767:
        rounded = np.rint(array)
        if np.array_equal(rounded, array):
            return np.asarray(rounded, dtype=np.int16)
    return np.asarray(array, dtype=np.float32)


def read_image_file(path: Path) -> sitk.Image:
    """Read a NIfTI, NRRD or MetaImage file as a 3-D scalar SimpleITK image.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged, not 3-D, a colour image or sheared; every problem found is told.
    """
    if not path.is_file():
        raise InputError(f"The image file {path.name} does not exist.")
    if path.stat().st_size == 0:
        raise InputError(f"The image file {path.name} is empty (zero bytes).")
    if is_nifti(path):
        check_nifti(path)
    else:
        _check_text_header(path)
    image = _read_with_sitk(path)
    size = image.GetSize()
    problems = []
    if image.GetNumberOfComponentsPerPixel() != 1:
        problems.append(f"{path.name}: {image.GetNumberOfComponentsPerPixel()} values per voxel (a colour or vector image)")
    while len(size) > 3 and size[-1] == 1:
        image, size = image[..., 0], size[:-1]
    if len(size) != 3:
        problems.append(f"{path.name}: {len(size)}-dimensional, size {'x'.join(map(str, size))}, but a 3-D volume is needed")
    if problems:
        raise InputError(f"The image file {path.name} cannot be used.", problems)
    if not direction_is_orthonormal(affine_of(image)):
        raise InputError(f"The image file {path.name} has axes that are not at right angles (sheared); resample it first.")
    return image


def _check_text_header(path: Path) -> None:
    """Check the first words of an NRRD or MetaImage file, and the checksum of compressed MetaImage data.

    The reader itself searches a wrong file for long, and returns what it could unpack of damaged data.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
        if path.name.lower().endswith((".nrrd", ".nhdr")):
            known = start.startswith(b"NRRD")
        else:
            known = start.lstrip()[:40].split(b"=")[0].strip() in (b"ObjectType", b"NDims", b"Comment")
        if not known:
            raise InputError(f"The file {path.name} is not the image that its name says.")
        end = start.find(b"ElementDataFile = LOCAL")
        if end < 0 or b"CompressedData = True" not in start[:end]:
            return
        stream.seek(start.index(b"\n", end) + 1)
        unpacker = zlib.decompressobj()
        try:
            while block := stream.read(1 << 22):
                unpacker.decompress(block)
        except zlib.error as error:
            raise InputError(f"The image file {path.name} is damaged: its compressed data cannot be unpacked.") from error
        if not unpacker.eof:
            raise InputError(f"The image file {path.name} is cut short.")


def _read_with_sitk(path: Path) -> sitk.Image:
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(
            f"The image file {path.name} cannot be read: it is damaged or not of the format its name says.",
            detail=str(error).strip().splitlines()[-1],
        ) from error


def read_volume_file(path: Path, modality: str = "CT") -> Volume:
    """Read a NIfTI, NRRD or MetaImage file as a volume, values as stored (for CT: Hounsfield units).

    Raises
    ------
    InputError
        As :func:`read_image_file`, and when voxels are not finite.
    """
    path = Path(path)
    image = read_image_file(path)
    array = sitk.GetArrayFromImage(image)
    if array.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise InputError(f"The image file {path.name} holds {bad} voxels that are no numbers (NaN or infinite).")
    return Volume(_as_int16_or_float32(array), affine_of(image), modality)


def read_label_map(path: Path, allow_empty: bool = False) -> LabelMap:
    """Read a mask or label image (whole numbers 0 to 255) from a NIfTI, NRRD or MetaImage file.

    Raises
    ------
    InputError
        As :func:`read_image_file`; also when values are not whole numbers from 0 to 255, or all are 0.
    """
    path = Path(path)
    image = read_image_file(path)
    array = sitk.GetArrayFromImage(image)
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.array_equal(array, np.rint(array))):
        raise InputError(f"The mask {path.name} holds values that are not whole numbers; save it as a label image.")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise InputError(f"The mask {path.name} holds values from {low} to {high}; labels must be 0 to 255.")
    if high == 0 and not allow_empty:
        raise InputError(f"The mask {path.name} is empty: all its voxels are 0.")
    return LabelMap(array.astype(np.uint8), affine_of(image))


def write_volume(volume: Volume, path: Path) -> None:
    """Write a volume as NIfTI, NRRD or MetaImage by its name; the file appears whole or not at all."""
    _write(sitk_from_volume(volume), Path(path))


def write_label_map(label_map: LabelMap, path: Path) -> None:
    """Write a label map (uint8) as NIfTI, NRRD or MetaImage by its name; the file appears whole or not at all."""
    _write(sitk_from_volume(label_map), Path(path))


def _write(image: sitk.Image, path: Path) -> None:
    suffix = next((ending for ending in sorted(IMAGE_SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(ending)), "")
    if suffix in ("", ".nhdr", ".mhd"):
        raise ValueError(f"cannot write {path.name}: use a name ending in .nii, .nii.gz, .nrrd or .mha")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=suffix, prefix=".part-", dir=path.parent)
    os.close(handle)
    try:
        sitk.WriteImage(image, name, useCompression=suffix != ".nii")
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        if os.path.exists(name):
            os.unlink(name)
