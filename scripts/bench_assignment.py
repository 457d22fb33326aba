"""What a training step of the object module costs by each assignment of voxels to points, and what it learns.

    python scripts/bench_assignment.py STORE@VERSION --logs LOGS --start FILE [--steps 20] [--batch 2]

Both train on from the same weights on the same crops of the logs' first nine in ten, and are scored on the rest.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch

from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.teaching.train_instances import scenes_of
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.instances.object_losses import Truth, losses
from occlabel.stages.instances.offsetocc import Finder, OffsetOcc
from occlabel.stages.instances.options import Assignment
from occlabel.stages.instances.panoptic_vote import panoptic_vote
from occlabel.stages.instances.samples import Crops, Scenes, alike, census_of
from occlabel.stages.instances.slot import thing_table
from occlabel.stages.instances.training import crop_columns, recognised
from occlabel.stages.instances.weight_file import load_network, things_of

_QUERIES, _SCORE, _RADIUS, _RATE, _HELD_OUT = 48, 0.5, 1.2, 1e-4, 40


def train(network: OffsetOcc, crops: Crops, steps: int, batch: int, assignment: Assignment) -> tuple[float, float]:
    """Seconds of a step, and of its losses the share that is the loss itself."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE)
    network.train()
    seconds, in_losses = 0.0, 0.0
    for step in range(steps):
        samples = [crops[step * batch + n] for n in range(batch)]
        part = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
        begun = time.perf_counter()
        objects = network(part["labels"].long(), part["low"], part["high"], _QUERIES)
        truth = Truth(part["classes"], part["centres"], part["phase"], part["filled"])
        looked = time.perf_counter()
        chance = torch.Generator().manual_seed(step)
        found = losses(
            network.objects, objects, truth, part["low"], part["high"], assignment=assignment,
            draw=lambda n, chance=chance: torch.rand(n, generator=chance),  # type: ignore[misc]
        )  # fmt: skip
        in_losses += time.perf_counter() - looked
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds += time.perf_counter() - begun
    return seconds / steps, in_losses / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--crop", type=float, default=38.4)
    options = parser.parse_args()
    version, reader = open_version(options.version), open_logs(options.logs)
    space = version.space
    logs = [scenes_of(log, reader, space, list(version.frames(log.id))) for log in reader.logs(list(version.logs))]
    parts = [
        [frame for log in part for frame in log.frames] for part in (logs[: -len(logs) // 10], logs[-len(logs) // 10 :])
    ]
    seen, apart = (Scenes(part, space.grid, len(space.taxonomy.classes)) for part in parts)
    begun_with, things = load_network(options.start, space), thing_table(space)
    sought = alike(census_of(seen, len(things_of(space))))
    crops = Crops(seen, sought, begun_with.objects.lattice, crop_columns(options.crop, space.grid), seed=1)
    assignments: tuple[Assignment, ...] = ("nearest", "exact")
    for assignment in assignments:
        network = copy.deepcopy(begun_with)
        step, loss = train(network, crops, options.steps, options.batch, assignment)
        finder, counts = Finder(network.eval(), space, things_of(space)), np.zeros(3, np.int64)
        for number in np.linspace(0, len(apart) - 1, min(_HELD_OUT, len(apart))).astype(int):
            scene = apart[number]
            seeds = finder.find(scene.labels, 300, _SCORE)
            voted = panoptic_vote(
                scene.labels, seeds.ids, things, space.grid.voxel_size, _RADIUS, seed_classes=seeds.classes
            )
            counts += recognised(voted, scene)
        right, found, true = counts.tolist()
        quality = 200 * right / (found + true)
        print(f"{assignment:8}{step:7.2f} s a step, {loss:7.2f} s of it for the losses; RQ {quality:.1f}", flush=True)


if __name__ == "__main__":
    main()
