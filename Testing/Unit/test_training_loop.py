"""Training a tiny network: the loss falls, a resumed run equals an unbroken one, damage is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.training.bank import LUMEN, LUMEN_ONLY, LUNG, VESSEL, WALL, write_case
from LungAirwayLib.training.cases import CaseSpec
from LungAirwayLib.training.task import AIRWAY, TEXT, with_last_look
from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import IGNORE, SKELETON

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("monai", reason="monai is not installed")

from SenseCarePlanningLib.inference.bundle import build_network  # noqa: E402
from SenseCarePlanningLib.training.checkpoint import checkpoints, load_checkpoint  # noqa: E402
from SenseCarePlanningLib.training.curves import draw_curves  # noqa: E402
from SenseCarePlanningLib.training.export import write_bundle  # noqa: E402
from SenseCarePlanningLib.training.loop import Trainer, TrainingOptions, train  # noqa: E402
from SenseCarePlanningLib.training.losses import LossOptions, channel_loss  # noqa: E402
from SenseCarePlanningLib.training.network import make_network, network_definition  # noqa: E402
from SenseCarePlanningLib.training.sampling import SamplingOptions  # noqa: E402

TINY = TrainingOptions(
    steps=6, filters=(4, 4, 4), threads=1, log_every=1, learning_rate=0.01, sampling=SamplingOptions(patch=16, batch=1)
)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    _, j, i = np.mgrid[:40, :40, :40]
    distance = np.hypot(j - 20, i - 20)
    labels = np.where(distance <= 4, LUNG | LUMEN, np.where(distance <= 6, LUNG | WALL, LUNG)).astype(np.uint8)
    hu = np.where(distance <= 4, -1000, np.where(distance <= 6, 0, -850)).astype(np.int16)
    write_case(tmp_path / "bank", CaseSpec("one", "thorax", "one", 0, None), hu, labels)
    return tmp_path / "bank"


def weights(path: Path) -> dict:
    return load_checkpoint(path)["network"]


def test_the_loss_falls(bank: Path, tmp_path: Path) -> None:
    options = replace(TINY, steps=60, filters=(8, 8, 8))
    train(AIRWAY, bank, tmp_path / "run", options, Progress())
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    loss = [row["loss"] for row in rows if row["event"] == "step"]
    assert len(loss) == 60
    assert np.mean(loss[-10:]) < 0.7 * np.mean(loss[:5])


def test_a_resumed_run_gives_the_weights_of_an_unbroken_one(bank: Path, tmp_path: Path) -> None:
    whole = train(AIRWAY, bank, tmp_path / "whole", TINY, Progress())

    class StopAfterThree:
        def show(self, step: str, fraction: float) -> None:
            self.stop = fraction >= 0.5

        def is_cancelled(self) -> bool:
            return getattr(self, "stop", False)

    from SenseCarePlanningLib.commands.train import stopping_keeps_the_checkpoint
    from SenseCarePlanningLib.errors import Cancelled, SenseCareError

    with pytest.raises(Cancelled):
        train(AIRWAY, bank, tmp_path / "broken", TINY, Progress(StopAfterThree()))
    assert 0 < load_checkpoint(checkpoints(tmp_path / "broken")[-1])["step"] < 6
    with pytest.raises(SenseCareError, match="goes on from it"), stopping_keeps_the_checkpoint(tmp_path / "broken"):
        raise Cancelled()
    with pytest.raises(Cancelled), stopping_keeps_the_checkpoint(tmp_path / "nothing"):
        raise Cancelled()
    resumed = train(AIRWAY, bank, tmp_path / "broken", TINY, Progress())
    first, second = weights(whole), weights(resumed)
    assert first.keys() == second.keys()
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)


def test_a_flipped_bit_in_a_checkpoint_is_refused(bank: Path, tmp_path: Path) -> None:
    path = train(AIRWAY, bank, tmp_path / "run", replace(TINY, steps=1), Progress())
    assert isinstance(torch.load(path, weights_only=True), dict)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="damaged"):
        train(AIRWAY, bank, tmp_path / "run", TINY, Progress())


def test_another_seed_or_network_does_not_continue_a_run(bank: Path, tmp_path: Path) -> None:
    train(AIRWAY, bank, tmp_path / "run", replace(TINY, steps=1), Progress())
    for other in (replace(TINY, seed=1), replace(TINY, filters=(4, 8, 8))):
        with pytest.raises(InputError, match="another"):
            train(AIRWAY, bank, tmp_path / "run", other, Progress())


def test_a_run_starts_from_a_bundle_and_refuses_one_of_another_network(bank: Path, tmp_path: Path) -> None:
    first = train(AIRWAY, bank, tmp_path / "first", TINY, Progress())
    write_bundle(AIRWAY, TEXT, first, tmp_path / "bundle", {"options": TINY.as_dict()})
    started = replace(TINY, start_from=str(tmp_path / "bundle"))
    network = Trainer(AIRWAY, started, tmp_path).network.state_dict()
    for key, value in load_checkpoint(first)["model"].items():
        torch.testing.assert_close(network[key], value, rtol=0, atol=0)
    assert started.as_dict()["start_from"] == "bundle", "the record names the bundle, not its place"
    with pytest.raises(InputError, match="another network"):
        Trainer(AIRWAY, replace(started, filters=(8, 8, 8)), tmp_path)
    with pytest.raises(InputError, match="not a complete MONAI bundle"):
        Trainer(AIRWAY, replace(TINY, start_from=str(tmp_path / "first")), tmp_path)


def test_an_older_network_says_the_same_with_the_last_look() -> None:
    newer = make_network((4, 4, 4), 3, 0)
    inner = dict(network_definition((4, 4, 4), 3)["_args_"][0]["submodule"])
    inner["_args_"] = [*inner["_args_"][:-1], {**inner["_args_"][-1], "out_channels": 3}]
    torch.manual_seed(1)
    older = build_network(inner)
    newer.load_state_dict(with_last_look(older.state_dict(), newer.state_dict()))
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(newer.eval()(image), older.eval()(image))
        torch.manual_seed(2)
        newer[3].weight[:, 6:] = torch.rand(newer[3].weight[:, 6:].shape)
        assert (newer(image) - older(image)).abs().max() > 1e-3, "its other channels see something"


def test_bfloat16_trains_about_as_single_precision_does(bank: Path, tmp_path: Path) -> None:
    last = {}
    for bf16 in (False, True):
        # In patches of 16 the deepest maps have 2 voxels a side, where torch's bfloat16 convolutions now and then return garbage.
        options = replace(TINY, bf16=bf16, sampling=SamplingOptions(patch=32, batch=1))
        train(AIRWAY, bank, tmp_path / str(bf16), options, Progress())
        rows = [json.loads(line) for line in (tmp_path / str(bf16) / "log.jsonl").read_text().splitlines()]
        last[bf16] = [row["loss"] for row in rows if row["event"] == "step"]
    assert last[True] == pytest.approx(last[False], rel=0.02)
    assert last[True] != last[False]


def broken(trainer: Trainer) -> None:
    """Make every gradient of the first weight not-a-number."""
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("nan"))


def a_batch() -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).normal(size=(1, 1, 16, 16, 16)).astype(np.float32)
    return image, np.full((1, 16, 16, 16), LUNG, dtype=np.uint8)


def test_a_step_without_a_finite_gradient_leaves_the_weights(tmp_path: Path) -> None:
    trainer = Trainer(AIRWAY, TINY, tmp_path)
    broken(trainer)
    before = {key: value.clone() for key, value in trainer.network.named_parameters()}
    row = trainer.train_step(*a_batch())
    assert row["skipped"] == 1.0
    assert trainer.step == 1
    assert all(torch.equal(value, before[key]) for key, value in trainer.network.named_parameters())


def test_a_training_that_learns_nothing_any_more_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("SenseCarePlanningLib.training.loop.MOST_SKIPPED", 3)
    trainer = Trainer(AIRWAY, TINY, tmp_path)
    broken(trainer)
    for _ in range(2):
        trainer.train_step(*a_batch())
    with pytest.raises(SenseCareError, match="no finite gradient"):
        trainer.train_step(*a_batch())


def test_an_empty_bank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training cases"):
        train(AIRWAY, tmp_path, tmp_path / "run", TINY, Progress())


def test_curves_are_drawn_from_the_log(bank: Path, tmp_path: Path) -> None:
    train(AIRWAY, bank, tmp_path / "run", TINY, Progress())
    draw_curves(tmp_path / "run" / "log.jsonl", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def labels_of(bits: int, size: int = 8) -> torch.Tensor:
    labels = torch.zeros(1, size, size, size, dtype=torch.uint8)
    labels[:, :, 2:5, 2:5] = bits
    return labels


def perfect(labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([((labels & bit) > 0).float() * 60 - 30 for bit in (LUMEN, WALL, VESSEL)], dim=1)


def test_a_perfect_answer_costs_nothing_and_its_opposite_much() -> None:
    labels = labels_of(LUMEN | SKELETON)
    assert float(channel_loss(AIRWAY.targets, perfect(labels), labels, LossOptions())[0]) == pytest.approx(0.0, abs=1e-4)
    assert float(channel_loss(AIRWAY.targets, -perfect(labels), labels, LossOptions())[0]) > 10.0


def test_the_topology_term_counts_the_skeleton_only_and_can_be_switched_off() -> None:
    labels = labels_of(LUMEN)
    labels[:, :, 3, 3] |= SKELETON
    answer = perfect(labels)
    missing = answer.clone()
    missing[:, 0, :, 3, 3] = -30.0
    assert float(channel_loss(AIRWAY.targets, answer, labels, LossOptions())[1]["skeleton"]) == pytest.approx(0.0, abs=1e-4)
    assert float(channel_loss(AIRWAY.targets, missing, labels, LossOptions())[1]["skeleton"]) > 0.25
    assert "skeleton" not in channel_loss(AIRWAY.targets, missing, labels, LossOptions(topology=0.0))[1]


def test_ignored_voxels_cost_nothing() -> None:
    labels = labels_of(IGNORE)
    wrong = torch.full((1, 3, 8, 8, 8), -30.0)
    wrong[:, :, :, 2:5, 2:5] = 30.0
    assert float(channel_loss(AIRWAY.targets, wrong, labels, LossOptions())[0]) == pytest.approx(0.0, abs=1e-4)


def test_wall_and_vessels_are_not_judged_where_only_the_lumen_is_known() -> None:
    labels = torch.full((1, 8, 8, 8), LUMEN_ONLY, dtype=torch.uint8)
    answer = torch.full((1, 3, 8, 8, 8), 30.0)
    answer[:, 0] = -30.0
    assert float(channel_loss(AIRWAY.targets, answer, labels, LossOptions())[0]) == pytest.approx(0.0, abs=1e-4)
