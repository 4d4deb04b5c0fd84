"""The training loop: seeded, resumable, logged step by step."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, SenseCareError
from ..progress import Progress
from .checkpoint import checkpoints, load_checkpoint, save_checkpoint
from .feed import feed
from .losses import LossOptions, channel_loss
from .network import FILTERS, load_weights, make_network
from .sampling import SamplingOptions
from .task import TrainingTask

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 60
POWER = 0.9
CLIP_NORM = 5.0
MOST_SKIPPED = 50  # in a row: then nothing is learnt any more


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Parameters
    ----------
    hours
        The learning rate falls to zero over this time; whole runs, resumed ones included, count together.
    steps
        End after so many steps instead; the same seed then gives the same weights on the same machine.
    device
        "cpu" or "cuda".
    threads
        Of torch on a CPU; None leaves torch's own choice.
    learning_rate, weight_decay
        Of AdamW (Loshchilov 2019, arXiv:1711.05101).
    real
        Use the cases with real texture, where a task has some.
    bf16
        Convolve in bfloat16 on a CPU: a third of the time where the processor has instructions for it (AVX-512 BF16, AMX),
        slower elsewhere. Weights, loss and optimiser stay in single precision.
    start_from
        Bundle whose weights a new run begins with; None draws them from the seed. A resumed run keeps its own.
    save_seconds
        Time between checkpoints.
    """

    hours: float = 2.0
    steps: int | None = None
    device: str = "cpu"
    seed: int = 0
    threads: int | None = None
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    filters: tuple[int, ...] = FILTERS
    real: bool = True
    bf16: bool = False
    start_from: str | None = None
    save_seconds: float = 300.0
    log_every: int = 10
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    loss: LossOptions = field(default_factory=LossOptions)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain data; of the bundle begun with its name, not its place."""
        return asdict(replace(self, start_from=None if self.start_from is None else Path(self.start_from).name))


class Trainer:
    """Network, optimiser, averaged weights and clock of one run; all of it goes into the checkpoint.

    Parameters
    ----------
    task
        Whose network it is.
    folder
        Holds the checkpoint and ``log.jsonl``.
    """

    def __init__(self, task: TrainingTask, options: TrainingOptions, folder: Path) -> None:
        import torch

        self.task = task
        self.options, self.folder = options, folder
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        self.format = torch.channels_last_3d
        network = make_network(options.filters, len(task.targets), options.seed)
        if options.start_from is not None:
            load_weights(network, Path(options.start_from), task.modernise)
        self.network = network.to(options.device, memory_format=self.format)
        self.average = {key: value.detach().clone() for key, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
        self.scaler = torch.amp.GradScaler(enabled=options.device == "cuda")

    def progress(self) -> float:
        """Return how much of the planned time or steps is over, 0 to 1."""
        if self.options.steps is not None:
            return min(self.step / max(self.options.steps, 1), 1.0)
        return min(self.seconds / (3600.0 * self.options.hours), 1.0)

    def train_step(self, images: Any, labels: Any) -> dict[str, float]:
        """Do one step on a batch (arrays as :func:`~.sampling.draw_batch` gives them); returns what the log holds."""
        import torch

        options = self.options
        rate = options.learning_rate * min(1.0, (self.step + 1) / WARM_UP_STEPS) * max(1.0 - self.progress(), 0.0) ** POWER
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        image = torch.from_numpy(images).to(options.device, memory_format=self.format, non_blocking=True)
        truth = torch.from_numpy(labels).to(options.device, non_blocking=True)
        self.network.train()
        kind = torch.float16 if options.device == "cuda" else torch.bfloat16
        with torch.autocast(options.device, dtype=kind, enabled=options.device == "cuda" or options.bf16):
            logits = self.network(image)
        loss, parts = channel_loss(self.task.targets, logits, truth, options.loss)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        usable = bool(torch.isfinite(norm))
        if usable or self.scaler.is_enabled():  # the scaler leaves such a step out itself, and lowers its scale
            self.scaler.step(self.optimiser)
            self.scaler.update()
        self._count_skipped(usable)
        self.step += 1
        if usable:
            self._update_average()
        return {
            "loss": loss.item(),
            "rate": rate,
            "skipped": float(not usable),
            **{name: part.item() for name, part in parts.items()},
        }

    def _count_skipped(self, usable: bool) -> None:
        """Leave steps without a finite gradient out, but not for ever.

        One such step would make every weight not-a-number: half precision overflows, and torch's bfloat16 convolutions on a CPU
        now and then return garbage for maps of a few voxels.
        """
        self.skipped = 0 if usable else self.skipped + 1
        if self.skipped == MOST_SKIPPED:
            raise SenseCareError(
                f"The training gives no finite gradient any more ({MOST_SKIPPED} steps in a row); "
                "lower the learning rate, or train without --bf16."
            )

    def _update_average(self) -> None:
        """Running mean of the weights: steadier than the last step's."""
        import torch

        keep = min(0.998, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[key].lerp_(value, 1.0 - keep)
                else:
                    self.average[key].copy_(value)

    def save(self) -> Path:
        """Write a checkpoint."""
        return save_checkpoint(
            self.folder,
            {
                "step": self.step,
                "seconds": self.seconds,
                "model": self.average,
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(),
                "filters": list(self.options.filters),
                "seed": self.options.seed,
            },
        )

    def resume(self) -> bool:
        """Continue from the newest checkpoint; False where there is none.

        Raises
        ------
        InputError
            When the checkpoint is damaged, or of another network or seed.
        """
        found = checkpoints(self.folder)
        if not found:
            return False
        state = load_checkpoint(found[-1])
        if state["filters"] != list(self.options.filters) or state["seed"] != self.options.seed:
            raise InputError("The output folder holds a training with another network or seed; choose another folder.")
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.average = {key: value.to(self.options.device) for key, value in state["model"].items()}
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        return True


def train(task: TrainingTask, bank: Path, folder: Path, options: TrainingOptions, progress: Progress) -> Path:
    """Train until the time or the steps are over; returns the last checkpoint.

    Raises
    ------
    InputError
        When the bank is empty, the device is not there, or an earlier run in ``folder`` does not fit.
    Cancelled
        When the user asked to stop; the checkpoint of that moment is kept.
    """
    import torch

    cases = task.open_cases(bank, options.real)
    if not cases:
        raise InputError("The bank holds no training cases.")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("No CUDA device is present; train with --device cpu.")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(task, options, folder)
    resumed = trainer.resume()
    log = _Log(folder / "log.jsonl", trainer.step)
    log.write(
        {
            "event": "resumed" if resumed else "begun",
            "step": trainer.step,
            "cases": [case.name for case in cases],
            "options": options.as_dict(),
            "torch": torch.__version__,
        }
    )
    workers = max(1, (os.cpu_count() or 2) - 2) if options.device == "cuda" else 1
    batches = feed(task, bank, options.real, options.sampling, options.seed, trainer.step, workers, options.device == "cuda")
    saved = started = time.monotonic()
    before = trainer.seconds
    try:
        while trainer.progress() < 1.0:
            _, (images, labels) = next(batches)
            waited = time.monotonic()
            row = trainer.train_step(images, labels)
            now = time.monotonic()
            trainer.seconds = before + now - started
            if trainer.step % options.log_every == 0:
                log.write(
                    {
                        "event": "step",
                        "step": trainer.step,
                        "seconds": round(trainer.seconds, 1),
                        "step_seconds": round(now - waited, 3),
                        **{key: round(value, 5) for key, value in row.items()},
                    }
                )
            progress.update(trainer.progress())
            if now - saved > options.save_seconds:
                trainer.save()
                saved = now
    finally:
        batches.close()  # type: ignore[attr-defined]
        path = trainer.save()
    return path


class _Log:
    """Lines of JSON; what an interrupted run wrote after its last checkpoint is taken out."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line).get("step", 0) <= step]
            path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
