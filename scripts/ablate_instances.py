"""What the parts of the instances slot are worth: PQ, SQ and RQ of things, on some frames of simulated logs.

    python scripts/ablate_instances.py STORE@VERSION --truth LOGS [--weights FILE] [--coupled FILE] [--out PNG]

VERSION holds the labels in which objects are looked for. Objects touch where their voxels are of one class and one
component of the truth, as cars in a parked row; scores "touching" are over the voxels up to 1.2 m around such objects,
"elsewhere" over the others. ``--coupled`` is a weight file that was trained without the paper's decoupling, which is
compared at radius 0 as in its table 3. The last row is the ceiling that the labels set: each thing voxel is given the
nearest true object of its class, so that all that is missing there is semantics. ``--out`` draws quality over the
radius of the vote, the paper's figure 4.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.ablation.objects import ScoredFrame, Table, nearest_true, scored_frames
from occlabel.stages.ingest.truth import open_truth
from occlabel.stages.instances.components import connected_components
from occlabel.stages.instances.learned import ObjectQueries, with_components
from occlabel.stages.instances.offsetocc import Finder, Seeds
from occlabel.stages.instances.panoptic_vote import panoptic_vote
from occlabel.stages.instances.slot import thing_table
from occlabel.stages.instances.touching import ConnectedComponents
from occlabel.stages.instances.weight_file import load_network, things_of

RADII = (0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.8, 3.6, 4.8)


def show(table: Table) -> None:
    print(f"{'':44}{'all: PQ   SQ   RQ':20}{'touching':20}elsewhere")
    for name in table.rows:
        cells = (f"{100 * q.pq:5.1f}{100 * q.sq:5.1f}{100 * q.rq:5.1f}" for q in table.quality(name))
        print(f"{name:44}" + "     ".join(cells), flush=True)


def draw(table: Table, names: dict[str, str], path: Path) -> None:
    """PQ, SQ and RQ over the radius; ``names``: title of a curve -> what its rows begin with."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, measure in zip(figure.subplots(1, 3), ("pq", "rq", "sq"), strict=True):
        for number, (title, start) in enumerate(names.items()):
            values = [100 * getattr(table.quality(f"{start}{radius:g} m")[0], measure) for radius in RADII]
            axis.plot(RADII, values, marker="o", markersize=3, color=f"C{number}", label=title)
        axis.set(xlabel="radius of the vote [m]", ylabel=f"{measure.upper()} of things")
    figure.axes[0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="[default: the shipped ones]")
    parser.add_argument("--coupled", type=Path)
    parser.add_argument("--every", type=int, default=4, help="one frame in so many")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    version = open_version(options.version)
    space = version.space
    shipped = load_recipe({0.2: "semantickitti_lidar", 0.4: "nuscenes_lidar"}[space.grid.voxel_size]).instances
    assert isinstance(shipped, ObjectQueries)
    stage, table = shipped.model_copy(update={"weights": options.weights}), Table(space.taxonomy)
    things, size = thing_table(space), space.grid.voxel_size
    files = {"": stage.files(space)[0], "coupled, ": options.coupled}
    finders = {name: Finder(load_network(path, space), space, things_of(space)) for name, path in files.items() if path}
    components = ConnectedComponents()

    def voted(frame: ScoredFrame, seeds: Seeds, radius: float, aware: bool = True) -> NDArray[np.uint32]:
        classes = seeds.classes if aware else None
        return panoptic_vote(frame.labels, seeds.ids, things, size, radius, seed_classes=classes)

    for frame in scored_frames(version, open_truth(options.truth), options.every):
        touching = connected_components(
            frame.labels, things, size, smallest=components.smallest, join_within=components.join_within
        )
        table.add("connected components", frame, touching)
        for score in (0.15, 0.3, 0.45):
            seeds = finders[""].find(frame.labels, stage.queries, score)
            table.add(f"module, score {score}", frame, voted(frame, seeds, stage.radius))
        for name, finder in finders.items():
            seeds = finder.find(frame.labels, stage.queries, stage.score)
            for radius in RADII:
                table.add(f"module, {name}radius {radius:g} m", frame, voted(frame, seeds, radius))
                if not name:
                    table.add(f"module, any class, radius {radius:g} m", frame, voted(frame, seeds, radius, False))
        seeds = finders[""].find(frame.labels, stage.queries, stage.score)
        left = voted(frame, seeds, stage.radius)
        far = voted(frame, seeds, max(stage.reach, stage.radius))
        table.add("module, as in the recipe", frame, np.where(left > 0, left, far))
        table.add("module, and components of the unclaimed", frame, with_components(left, frame.labels, space))
        table.add("the nearest true object of the class", frame, nearest_true(frame, space))
    show(table)
    if options.out:
        curves = {"own class votes": "module, radius ", "all classes vote": "module, any class, radius "}
        draw(table, curves, options.out)


if __name__ == "__main__":
    main()
