"""Video files that any player and any browser plays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SenseCareError

CONSTANT_RATE_FACTOR = 23
"""The quality that x264 calls its default: no visible loss on soft pictures such as mucosa."""


def write_video(frames: Iterator[NDArray[np.uint8]], path: Path | str, fps: float) -> int:
    """Write frames as MP4 (H.264, yuv420p, index in front for streaming).

    The file appears whole or not at all.

    Parameters
    ----------
    frames
        RGB pictures (H, W, 3) uint8, all of one size; an odd last row or column is left out, as H.264 demands.
    path
        The file to write.
    fps
        Frames per second.

    Returns
    -------
    int
        How many frames were written.

    Raises
    ------
    SenseCareError
        When there is no frame.
    ValueError
        When ``fps`` is not positive or a frame differs in size.
    """
    if not fps > 0:
        raise ValueError(f"a video needs a positive frame rate, got {fps}")
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        count = _encode(frames, part, fps)
        if count == 0:
            raise SenseCareError("The video has no frame, so none was written.")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _encode(frames: Iterator[NDArray[np.uint8]], part: Path, fps: float) -> int:
    import av

    count = 0
    shape: tuple[int, ...] | None = None
    stream: Any = None
    with av.open(str(part), mode="w", format="mp4", options={"movflags": "+faststart"}) as container:
        for frame in frames:
            if shape is None or stream is None:
                shape = frame.shape
                stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                stream.width, stream.height = shape[1] // 2 * 2, shape[0] // 2 * 2
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": str(CONSTANT_RATE_FACTOR), "preset": "veryfast"}
            if frame.shape != shape:
                raise ValueError(f"frame {count} is {frame.shape}, the first was {shape}")
            even = np.ascontiguousarray(frame[: shape[0] // 2 * 2, : shape[1] // 2 * 2])
            for packet in stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")):
                container.mux(packet)
            count += 1
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)
    return count
