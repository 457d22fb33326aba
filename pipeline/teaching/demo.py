"""The demo: simulate, label with and without voting, publish, evaluate, draw."""

from __future__ import annotations

import time
from pathlib import Path

from rich.text import Text

from occlabel.pipeline.delivery.pictures.birds_eye import birds_eye, difference, objects_from_above, panels
from occlabel.pipeline.delivery.pictures.from_above import FromAbove
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.spec import spec_of
from occlabel.pipeline.published.version import PublishedVersion, manifest_of, open_version, version_names
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.running.console import Table, console
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.schemas.arrays import INSTANCE, SEMANTICS
from occlabel.schemas.errors import AlteredArtifact, OcclabelError, StoreAway, StoreError
from occlabel.schemas.words import command, counted
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.root import TownRoot
from occlabel.workers.store import Store

RECIPE = "semantickitti_lidar"
SEED = 0
"""Of the towns of the test split that the demo drives through; the built-in network never saw this split."""
VERSIONS = ("v1", "single-frame")


def run_demo(out: Path, logs: int, frames: int) -> None:
    """Runs the demo in ``out``; what is there from an earlier one is used. Raises OcclabelError."""
    screen = console()

    def say(step: str, told: str) -> None:
        screen.print(Text.assemble((f"{step:13}", "bold"), told))

    started = time.monotonic()
    roads = out / "logs"
    Store(out).check_layout(mark=True)  # before its logs lie in it: a folder of logs does not become a store
    asked = Drives(logs=logs, frames=frames, seed=SEED)
    _refuse_other(out, roads, asked)
    drives = f"{counted(logs, 'drive')} of {counted(frames, 'frame')}"
    say("1 simulate", f"{drives} through towns of the test split -> {roads}")
    simulate_logs("kitti", roads, asked, jobs=min(logs, 2))
    say("2 label", f"recipe {RECIPE} -> {out}@v1; frames alone -> {out}@single-frame")
    refined = _label(out, roads, "v1")
    # Committed on the way to v1: nothing is computed.
    single = _label(out, roads, "single-frame", skip=["propagation", "voting", "ground", "instances", "tracking"])
    say("3 evaluate", "against the exact truth of the simulation")
    scored = {name: evaluate(version, roads) for name, version in zip(NAMES, (single, refined), strict=True)}
    screen.print(_table({name: found.facts()["scores"] for name, found in scored.items()}))
    say("4 draw", ", ".join(str(path) for path in _draw(out, roads, single, refined)))
    screen.print(f"done in {time.monotonic() - started:.0f} s; now try: {command('versions', 'show', f'{out}@v1')}")


NAMES = ("single frame", "refined (v1)")


def _refuse_other(out: Path, roads: Path, asked: Drives) -> None:
    """Before anything is simulated: raises OcclabelError where ``out`` has versions of other drives than the demo would
    label there."""
    for name in VERSIONS:
        held = manifest_of(Store(out), name)
        if held is None:
            continue
        root, info = TownRoot(roads, "kitti"), held[0]
        try:
            drives = root.log_ids() | root.lacking(asked.drives("kitti")).keys()
        except OcclabelError:  # other drives lie there
            drives = set()
        if drives != set(info.logs) or (info.planned or info.frames) != len(drives) * asked.frames:
            raise OcclabelError(
                f"{out} holds a version {name} of other drives than this demo's, and versions never change: give "
                "another --out, or the --logs and --frames of the demo that made it"
            )


def _label(out: Path, roads: Path, version: str, skip: list[str] | None = None) -> PublishedVersion:
    taken = version in version_names(Store(out))
    try:
        report: Report = label_logs(load_recipe(RECIPE, skip=skip), open_logs(roads), Store(out), version)
    except (AlteredArtifact, StoreAway):
        raise
    except StoreError as error:
        if not taken:
            raise
        raise OcclabelError(
            f"{out} holds a version {version} with other labels of these drives, as another occlabel makes them, and "
            "versions never change: give another --out"
        ) from error
    if report.info is None or report.state != "complete":
        raise OcclabelError(f"the demo could not publish {version}: {report.message or report.state}")
    return open_version(spec_of(Store(out), version))


def _table(scores: dict[str, dict[str, dict[str, float]]]) -> Table:
    """IoU and mIoU (over the classes that the truth holds) by range, of each version, and the gain."""
    table = Table("range")
    names = list(scores)
    for measure in ("IoU", "mIoU"):
        for name in names:
            table.add_column(f"{measure} {name}", justify="right")
        table.add_column("gain", justify="right")
    for range_ in scores[names[0]]:
        cells = []
        for measure in ("iou", "miou_present"):
            before, after = (scores[name][range_][measure] for name in names)
            cells += [
                f"{100 * before:.1f}",
                f"{100 * after:.1f}",
                f"{100 * (after / before - 1):+.1f}%" if before else "-",
            ]
        table.add_row(f"{range_} m", *cells)
    return table


def _draw(out: Path, roads: Path, single: PublishedVersion, refined: PublishedVersion) -> list[Path]:
    """One picture per log, of its middle frame: prediction, refined, truth, difference."""
    paths = []
    reader, taxonomy = open_logs(roads), refined.space.taxonomy
    for log in reader.logs():
        frame = log.frames[len(log.frames) // 2]
        truth = reader.voxel_truth(frame)
        labels = [version.frame(log.id, frame.name)[SEMANTICS] for version in (single, refined)]
        assert truth is not None  # simulated logs have truth on every frame
        images = [birds_eye(label, taxonomy, truth.scored) for label in labels]
        images.append(birds_eye(truth.semantics, taxonomy, truth.scored))
        images += [difference(label, truth.semantics, truth.scored, taxonomy) for label in labels]
        images.append(objects_from_above(refined.frame(log.id, frame.name)[INSTANCE], labels[1], taxonomy))
        titles = [*NAMES, "truth", f"{NAMES[0]} against truth", f"{NAMES[1]} against truth", "objects (v1)"]
        path = out / "pictures" / f"{log.id}-{frame.name}.png"
        footer = "Differences: green right, orange wrong class, red missed, blue invented; scored voxels only."
        grid = refined.space.grid
        pictures = [FromAbove.of(grid, image, title) for image, title in zip(images, titles, strict=True)]
        panels(pictures, taxonomy, path, footer, width=260)
        paths.append(path)
    return paths
