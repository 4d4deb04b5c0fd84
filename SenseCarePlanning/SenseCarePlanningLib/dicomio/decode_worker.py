"""A child process that decodes compressed frames: a decoder that dies on damaged data takes no one with it.

Reads one JSON request a line from standard input (path, frame, slot), writes the frame's stored values as 16-bit words at
that slot of the file named on the command line, and answers one JSON line for each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, RLELossless

from . import jpeg2000, jpeg_lossless
from .row_ends import has_shifted_row_end

_ACCOUNTS = {
    JPEGLossless: jpeg_lossless.accounts_for_stream,
    JPEGLosslessSV1: jpeg_lossless.accounts_for_stream,
    JPEG2000: jpeg2000.accounts_for_stream,
    JPEG2000Lossless: jpeg2000.accounts_for_stream,
}


def _decode(data: Any, frame: int) -> tuple[np.ndarray[Any, Any], bool | None]:
    syntax = data.file_meta.TransferSyntaxUID
    plugin = "pydicom" if syntax == RLELossless else "gdcm"
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        array, _ = get_decoder(syntax).as_array(data, index=frame, raw=True, decoding_plugin=plugin)
    # The RLE decoder only warns when a segment does not unpack to the length it should have.
    odd = [str(complaint.message) for complaint in complaints if "RLE" in str(complaint.message)]
    if syntax == RLELossless and odd:
        raise ValueError(odd[0])
    if array.shape != (data.Rows, data.Columns) or array.dtype.itemsize != 2:
        raise ValueError(f"decoded to {array.shape} {array.dtype}, not {data.Rows} x {data.Columns} of 16 bits")
    array = np.ascontiguousarray(array)
    account = _ACCOUNTS.get(syntax)
    if account is None:
        return array, None
    frames = int(data.get("NumberOfFrames", 1) or 1)
    whole = account(get_frame(data.PixelData, frame, number_of_frames=frames), array)
    if whole and syntax == JPEGLosslessSV1 and has_shifted_row_end(_signed(data, array)):
        raise ValueError("the end of a row is shifted as a whole")
    return array, whole


def _signed(data: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 16-bit words as the numbers they stand for; bits above those stored do not count."""
    bits = int(data.BitsStored)
    values = array.view(np.uint16).astype(np.int32) & ((1 << bits) - 1)
    half = 1 << (bits - 1)
    return (values ^ half) - half if data.PixelRepresentation else values


def _drain(stream: int) -> str:
    """Return and forget what a decoder has written to the diverted standard streams."""
    size = os.lseek(stream, 0, os.SEEK_END)
    os.lseek(stream, 0, os.SEEK_SET)
    text = os.read(stream, 2000).decode("utf-8", "replace") if size else ""
    os.ftruncate(stream, 0)
    os.lseek(stream, 0, os.SEEK_SET)
    return text.strip()


def main() -> None:
    """Serve requests until standard input ends."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as diverted, open(sys.argv[1], "r+b") as target:
        # Decoders written in C print their complaints; these are the only sign of some kinds of damage.
        os.dup2(diverted.fileno(), 1)
        os.dup2(diverted.fileno(), 2)
        path, data = None, None
        for line in sys.stdin:
            request = json.loads(line)
            answer: dict[str, Any] = {"error": "", "whole": None, "message": ""}
            try:
                if request["path"] != path:
                    path, data = request["path"], pydicom.dcmread(request["path"], force=True)
                array, answer["whole"] = _decode(data, request["frame"])
                target.seek(request["slot"] * array.nbytes)
                target.write(array.tobytes())
                target.flush()
            except Exception as error:  # whatever a decoder raises on damaged data is an answer, not a failure
                answer["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
            answer["message"] = _drain(diverted.fileno())
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
