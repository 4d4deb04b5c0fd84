"""Compressed and multi-frame DICOM, whole and damaged."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from bad_input_base import (
    UNKNOWABLE_GROUP,
    Base,
    Case,
    Made,
    delete,
    flip,
    put,
)
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from SenseCarePlanningLib.volume import Volume


def recode(path: Path, syntax: str) -> None:
    """Write one file in another transfer syntax."""
    if syntax in (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        data = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            data.PixelData = np.frombuffer(data.PixelData, "<u2").byteswap().tobytes()
        data.file_meta.TransferSyntaxUID = syntax
        # Elements not yet touched hold bytes of the old order: parse them all before they are written in the new one.
        list(data.iterall())
        little = syntax != ExplicitVRBigEndian
        pydicom.dcmwrite(path, data, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little, force_encoding=True)
        return
    if syntax == "1.2.840.10008.1.2.5":
        data = pydicom.dcmread(path)
        data.compress(syntax, generate_instance_uid=False)
        data.save_as(path)
        return
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise RuntimeError("gdcm cannot read the base series")
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise RuntimeError(f"gdcm cannot encode {syntax}")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise RuntimeError("gdcm cannot write")


SYNTAXES = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG Lossless": str(JPEGLosslessSV1),
    "JPEG-LS": str(JPEGLSLossless),
    "JPEG 2000": str(JPEG2000Lossless),
}


def _recoded(
    syntax: str, damage: Callable[[bytearray, random.Random], bytes] | None
) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        chosen = files if damage is None else files[20:40]
        for path in chosen:
            recode(path, syntax)
        if damage is not None:
            path = rng.choice(files[22:38])
            data = pydicom.dcmread(path)
            frame = bytearray(get_frame(data.PixelData, 0, number_of_frames=1))
            data.PixelData = encapsulate([damage(frame, rng)])
            data.save_as(path)
        return Made(target)

    return make


def _body_start(frame: bytearray) -> int:
    """Return where the coded pixels begin: behind the table of RLE, the scan's header of JPEG, the last marker of JPEG 2000."""
    if frame[:2] == b"\xff\xd8":
        scan = frame.index(b"\xff\xda")
        return scan + 2 + int.from_bytes(frame[scan + 2 : scan + 4], "big")
    return frame.index(b"\xff\x93") + 2 if frame[:2] == b"\xff\x4f" else 64


def compression_cases() -> list[Case]:
    """Every transfer syntax that can be read, whole and damaged."""
    group = "compressed"

    def cut(frame: bytearray, rng: random.Random) -> bytes:
        return bytes(frame[: rng.randrange(20, len(frame) - 20)])

    def garbage(frame: bytearray, rng: random.Random) -> bytes:
        return rng.randbytes(len(frame))

    def flipped_header(frame: bytearray, rng: random.Random) -> bytes:
        flip(frame, rng.randrange(_body_start(frame)), rng)
        return bytes(frame)

    def flipped_body(frame: bytearray, rng: random.Random) -> bytes:
        flip(frame, rng.randrange(_body_start(frame), len(frame)), rng)
        return bytes(frame)

    def burst(frame: bytearray, rng: random.Random) -> bytes:
        start = rng.randrange(300, len(frame) - 600)
        frame[start : start + 256] = rng.randbytes(256)
        return bytes(frame)

    cases = []
    for name, syntax in SYNTAXES.items():
        cases.append(Case(f"{name}, whole", group, _recoded(syntax, None), "right"))
        for n in range(2):
            cases.append(Case(f"{name}, frame cut short {n}", group, _recoded(syntax, cut)))
        cases.append(Case(f"{name}, frame of garbage", group, _recoded(syntax, garbage), "refused"))
        for n in range(4):
            cases.append(Case(f"{name}, bit flipped in the frame's header {n}", group, _recoded(syntax, flipped_header)))
        for n in range(6):
            valid = name in ("RLE", "JPEG Lossless")
            where = UNKNOWABLE_GROUP if valid else group
            made = _recoded(syntax, flipped_body)
            cases.append(Case(f"{name}, bit flipped in the frame's body {n}", where, made, unknowable=valid))
        for n in range(4):
            cases.append(Case(f"{name}, burst of garbage {n}", group, _recoded(syntax, burst)))
    for name, uid in (
        ("deflated", DeflatedExplicitVRLittleEndian),
        ("implicit VR", ImplicitVRLittleEndian),
        ("big endian", ExplicitVRBigEndian),
    ):
        cases.append(Case(name, group, lambda base, target, rng, uid=str(uid): _recode_all(base, target, uid), "right"))  # type: ignore[misc]
    cases.append(Case("unknown transfer syntax", group, lambda base, target, rng: _unknown_syntax(base, target), "refused"))
    cases.append(Case("said compressed, but is not", group, lambda base, target, rng: _lying_syntax(base, target), "refused"))
    return cases


def _recode_all(base: Base, target: Path, uid: str) -> Made:
    for path in base.copy(target):
        recode(path, uid)
    return Made(target)


def _replace_syntax(base: Base, target: Path, new: bytes) -> Made:
    for path in base.copy(target):
        raw = path.read_bytes()
        old = b"1.2.840.10008.1.2.1\x00"
        path.write_bytes(raw.replace(old, new.ljust(len(old), b"\x00"), 1))
    return Made(target)


def _unknown_syntax(base: Base, target: Path) -> Made:
    return _replace_syntax(base, target, b"1.2.840.10008.1.9.9")


def _lying_syntax(base: Base, target: Path) -> Made:
    return _replace_syntax(base, target, b"1.2.840.10008.1.2.5")


def write_enhanced(volume: Volume, path: Path, change: Callable[[Dataset], None] | None = None) -> None:
    """Write a volume as one Enhanced CT file, geometry frame by frame."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "2.25.424242"
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = "CT", "2.25.4241", "2.25.4240"
    data.FrameOfReferenceUID, data.SeriesNumber, data.PatientID, data.PatientName = "2.25.4239", 3, "ENHANCED", "Digital^Patient"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    count, data.Rows, data.Columns = volume.array_kji.shape
    data.NumberOfFrames, data.SamplesPerPixel, data.PhotometricInterpretation = count, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    spacing = volume.grid.spacing_ijk_mm
    measures, orientation, transform = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [spacing[1], spacing[0]], spacing[2]
    axes = (volume.affine_ijk_to_lps[:3, :2] / spacing[:2]).T
    orientation.ImageOrientationPatient = [float(value) for value in axes.ravel()]
    transform.RescaleIntercept, transform.RescaleSlope, transform.RescaleType = "-1024", "1", "HU"
    shared = Dataset()
    shared.PixelMeasuresSequence = DicomSequence([measures])
    shared.PlaneOrientationSequence = DicomSequence([orientation])
    shared.PixelValueTransformationSequence = DicomSequence([transform])
    data.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for k in range(count):
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = [round(float(value), 4) for value in volume.grid.lps_from_ijk((0, 0, k))]
        frame.PlanePositionSequence = DicomSequence([place])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    data.PixelData = (volume.array_kji.astype(np.int32) + 1024).astype(np.int16).tobytes()
    if change is not None:
        change(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def _enhanced(
    change: Callable[[Dataset], None] | None = None, raw: Callable[[bytearray, random.Random], bytes] | None = None
) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        path = target / "enhanced.dcm"
        write_enhanced(base.volume, path, change)
        if raw is not None:
            path.write_bytes(raw(bytearray(path.read_bytes()), rng))
        return Made(path if rng.random() < 0.5 else target)

    return make


def _shuffle_frames(data: Dataset) -> None:
    order = list(range(int(data.NumberOfFrames)))
    random.Random(3).shuffle(order)
    size = int(data.Rows) * int(data.Columns) * 2
    pixels, groups = data.PixelData, list(data.PerFrameFunctionalGroupsSequence)
    data.PixelData = b"".join(pixels[n * size : (n + 1) * size] for n in order)
    data.PerFrameFunctionalGroupsSequence = DicomSequence([groups[n] for n in order])


def enhanced_cases() -> list[Case]:
    """One multi-frame file."""
    group = "multi-frame"

    def drop_frame(data: Dataset) -> None:
        size = int(data.Rows) * int(data.Columns) * 2
        del data.PerFrameFunctionalGroupsSequence[30]
        data.PixelData = data.PixelData[: 30 * size] + data.PixelData[31 * size :]
        data.NumberOfFrames = int(data.NumberOfFrames) - 1

    def flip_header(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.randrange(128, raw.find(b"\xe0\x7f\x10\x00")), rng)
        return bytes(raw)

    return [
        Case("enhanced, whole", group, _enhanced(), "right"),
        Case("enhanced, frames shuffled", group, _enhanced(_shuffle_frames), "right"),
        Case("enhanced, a frame missing", group, _enhanced(drop_frame), "refused"),
        Case("enhanced, too many frames said", group, _enhanced(put(NumberOfFrames=200)), "refused"),
        Case("enhanced, too few frames said", group, _enhanced(put(NumberOfFrames=40)), "refused"),
        Case("enhanced, no per-frame groups", group, _enhanced(delete("PerFrameFunctionalGroupsSequence")), "refused"),
        Case("enhanced, no shared groups", group, _enhanced(delete("SharedFunctionalGroupsSequence")), "refused"),
        Case("enhanced, cut short", group, _enhanced(raw=lambda raw, rng: bytes(raw[: len(raw) // 2])), "refused"),
        *(Case(f"enhanced, bit flipped in the header {n}", group, _enhanced(raw=flip_header)) for n in range(10)),
    ]
