"""The options of the train commands are those that their trainings declare."""

import re
import shutil
from pathlib import Path

import pytest
from kitti_sequence import written
from pydantic import ValidationError
from typer.testing import CliRunner

from occlabel.pipeline.cli.train import app
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.completion import training
from occlabel.stages.completion.drocc.options import Options as DrOccOptions
from occlabel.stages.completion.occany.options import Options as OccAnyOptions
from occlabel.stages.completion.options import SHIPPED
from occlabel.stages.completion.options import Options as CompletionOptions
from occlabel.stages.completion.vipocc.options import Options as ViPOccOptions
from occlabel.stages.instances.options import Options as InstancesOptions
from occlabel.stages.learning.options import FIXED, TrainingOptions
from occlabel.stages.priors.alignment.residual.options import Options as ResidualOptions
from occlabel.stages.priors.glance.options import Options as GlanceOptions
from occlabel.stages.propagation.options import Options as PropagationOptions

COMMANDS: dict[str, type[TrainingOptions]] = {
    "completion": CompletionOptions,
    "drocc": DrOccOptions,
    "glance": GlanceOptions,
    "occany": OccAnyOptions,
    "propagation": PropagationOptions,
    "instances": InstancesOptions,
    "depth_alignment": ResidualOptions,
    "vipocc": ViPOccOptions,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_offered_with_its_default_and_help(command: str) -> None:
    shown = " ".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400"}).output.split())
    for name, field in COMMANDS[command].model_fields.items():
        flag = f"--{name.replace('_', '-')} "
        assert (flag in shown) == (FIXED not in field.metadata)
        if flag in shown:
            assert " ".join((field.description or "without a word").split()).split(" [")[0] in shown
            if not isinstance(field.default, bool | None):
                assert f"[default: {field.default}" in shown


def test_what_is_typed_reaches_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[TrainingOptions] = []

    def train(
        space: object, reader: object, out: Path, options: TrainingOptions, command: str, images: object
    ) -> dict[str, str]:
        assert images is None, "the recipe does not paint"
        told.append(options)
        return dict.fromkeys(("network", "logs", "temperature"), "")

    monkeypatch.setattr(training, "train_completion", train)
    (tmp_path / "sequences/00/velodyne").mkdir(parents=True)
    typed = ["--steps", "7", "--rate", "0.5", "--start", "shipped", "--resume", "--reader", "kitti"]
    recipe = tmp_path / "recipe.yaml"  # without geometry, which would look at the logs first
    recipe.write_text("grid: semantickitti\ntaxonomy: semantickitti\ncompletion: {kind: lmscnet}\n")
    place = [str(recipe), "--logs", str(tmp_path), "--out", "x.safetensors"]
    result = CliRunner().invoke(app, ["completion", *place, *typed], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert told == [CompletionOptions(steps=7, rate=0.5, start=SHIPPED, resume=True)]
    assert CliRunner().invoke(app, ["completion", *place, "--batch", "0"]).exit_code == 2


def test_options_hold_what_their_commands_promise() -> None:
    with pytest.raises(ValidationError):
        CompletionOptions(crop=1.0)
    options = PropagationOptions(steps=501, epoch=500, local=3, temporal=True)
    assert (options.epochs, options.whole_steps) == (2, 1000)
    for few in (PropagationOptions(steps=2), CompletionOptions(truth="none", start=Path("w.safetensors"), steps=2)):
        assert (few.epochs, few.whole_steps) == (1, 2), "no step more than was asked for"
    assert CompletionOptions(truth="none", start=Path("w.safetensors"), steps=0).epoch == 50
    assert options.reach.local == 3 and options.parts.temporal_embedding


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"completion"}))
def test_what_is_learned_of_all_logs_is_one_file(command: str, tmp_path: Path) -> None:
    words = [command, *(() if command == "glance" else ("semantickitti_lidar",)), "--logs", str(tmp_path)]
    refused = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "{log}.safetensors")]).exception
    assert isinstance(refused, OcclabelError) and re.search(r"{log}\.safetensors: .*name one file", str(refused))
    assert not list(tmp_path.iterdir())


def test_each_log_gets_weights_of_its_own_and_one_that_cannot_is_named(tmp_path: Path) -> None:
    root = written(tmp_path / "logs", 2)
    shutil.copytree(root / "sequences/00", root / "sequences/01")
    shutil.rmtree(root / "sequences/01/velodyne")
    out = tmp_path / "adapted/{log}.safetensors"
    words = ["completion", "semantickitti_lidar", "--logs", str(root), "--out", str(out), "--start", "shipped"]
    words += ["--executor", "local", "--truth"]
    first, again = (CliRunner().invoke(app, [*words, "none", "--steps", "0"]) for _ in range(2))
    assert first.exit_code == again.exit_code == 3 and (tmp_path / "adapted/00.safetensors").is_file()
    assert "adapted to 1 log; 0 logs had theirs" in first.output and "0 logs; 1 log had theirs" in again.output
    assert "error: log 01 has none: there is nothing to label: log 01 has no LiDAR scans" in first.output
    refused = CliRunner().invoke(app, [*words, "points"])
    assert isinstance(refused.exception, OcclabelError) and "with --truth none; name one file" in str(refused.exception)
