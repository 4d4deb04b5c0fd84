"""Processor seconds of the airway network per million voxels: ONNX Runtime, torch in single precision and bfloat16, OpenVINO.

    python Testing/Benchmarks/network_inference.py [--bundle DIR] [--threads N] [--patch N ...] [--repeat N]

Patches of noise: the network takes the same time whatever it sees. Differences are in the lumen's probability, against torch
in single precision. OpenVINO is measured where it is installed; nothing of the program needs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from SenseCarePlanningLib.inference.bundle import build_network
from SenseCarePlanningLib.inference.bundle_config import read_bundle

BUNDLE = Path(__file__).resolve().parents[2] / "LungAirway" / "Resources" / "Models" / "airway_ct"
Run = Callable[[np.ndarray], np.ndarray]


def torch_runs(folder: Path, threads: int) -> dict[str, Run]:
    """Return the torch form: channels first and last, single precision and bfloat16."""
    import torch

    torch.set_num_threads(threads)
    config = read_bundle(folder)

    def runner(layout: Any, bf16: bool) -> Run:
        network = build_network(config.network)
        network.load_state_dict(torch.load(config.weights, weights_only=True))
        network.eval().to(memory_format=layout)

        def run(image: np.ndarray) -> np.ndarray:
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                logits = network(torch.from_numpy(image).to(memory_format=layout))
            return np.asarray(torch.sigmoid(logits[:, 0].float()).numpy())

        return run

    first, last = torch.contiguous_format, torch.channels_last_3d
    return {
        "torch": runner(first, False),
        "torch channels last": runner(last, False),
        "torch bf16": runner(first, True),
        "torch bf16 channels last": runner(last, True),
    }


def onnx_run(folder: Path, threads: int) -> Run:
    """Return the ONNX form in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    path = str(folder / "models" / "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda image: _sigmoid(session.run(None, {"image": image})[0][:, 0])


def openvino_runs(folder: Path, threads: int) -> dict[str, Run]:
    """Return the ONNX form in OpenVINO, in single precision and as OpenVINO likes it."""
    if importlib.util.find_spec("openvino") is None:
        return {}
    import openvino

    def runner(precision: str) -> Run:
        core = openvino.Core()
        hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
        compiled = core.compile_model(str(folder / "models" / "model.onnx"), "CPU", hints)
        return lambda image: _sigmoid(np.asarray(next(iter(compiled([image]).values())))[:, 0])

    return {f"openvino {precision}": runner(precision) for precision in ("f32", "bf16")}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float32), -60.0, 60.0))))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--patch", type=int, nargs="+", default=[96, 144])
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    runs = {**torch_runs(options.bundle, options.threads), "onnx runtime": onnx_run(options.bundle, options.threads)}
    runs.update(openvino_runs(options.bundle, options.threads))
    print(f"{'runtime':<26} {'patch':>5} {'CPU s/Mvoxel':>12} {'wall s/Mvoxel':>13} {'largest difference':>18}")
    for edge in options.patch:
        noise = np.random.default_rng(0).standard_normal((edge,) * 3)
        image = np.clip(0.2 + 0.6 * ndimage.gaussian_filter(noise, 1.5), 0.0, 1.0)[None, None].astype(np.float32)
        expected = runs["torch"](image)
        for name, run in runs.items():
            found = run(image)
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(options.repeat):
                run(image)
            scale = options.repeat * edge**3 / 1e6
            cpu, wall = (time.process_time() - cpu) / scale, (time.perf_counter() - wall) / scale
            print(f"{name:<26} {edge:5} {cpu:12.2f} {wall:13.2f} {np.abs(found - expected).max():18.4f}", flush=True)


if __name__ == "__main__":
    main()
