"""Fits the calibrations that come with occlabel anew, as the weights or the rules of the vote have changed.

For each shipped recipe: drives through towns of the split ``val`` are simulated, labelled up to an uncalibrated vote,
and counted against their truth; the table goes into ``stages/voting/calibrations``. What OUT holds is not made again.

    python scripts/fit_calibrations.py OUT [--recipe semantickitti_lidar nuscenes_lidar] [--logs 8] [--frames 20]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from occlabel.pipeline.planning.kinds import SLOTS
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.labels import Format
from occlabel.pipeline.published.version import version_names
from occlabel.pipeline.quality.calibrate import calibrate
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.root import Layout
from occlabel.stages.voting.calibration import SHIPPED
from occlabel.workers.store import Store

GRIDS: dict[str, tuple[Layout, Format, str]] = {
    "semantickitti_lidar": ("kitti", "semantickitti", ""),
    "nuscenes_lidar": ("nuscenes", "occ3d", "gts"),
}
"""By recipe: the layout of its logs, the format of their truth and where in the root that lies."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", nargs="*", choices=sorted(GRIDS), default=sorted(GRIDS))
    parser.add_argument("--logs", type=int, default=8)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--into", type=Path, default=SHIPPED, help="where the tables go")
    asked = parser.parse_args()
    for name in asked.recipe:
        layout, format, truth = GRIDS[name]
        root, store = asked.out / name / "logs", Store(str(asked.out / name / "store"))
        simulate_logs(layout, root, Drives(asked.logs, asked.frames, asked.seed, "val", image_scale=None))
        recipe = load_recipe(name)
        assert recipe.voting is not None
        voting = recipe.voting.model_copy(update={"calibration": None})
        recipe = recipe.model_copy(update={"voting": voting}).without(list(SLOTS[SLOTS.index("voting") + 1 :]))
        version = f"uncalibrated-{len(version_names(store)) + 1}"
        report = label_logs(recipe, open_logs(root), store, version, workplace=Workplace("local"))
        assert report.info is not None, report.message
        found = calibrate(f"{store.location}@{version}", root / truth, format, asked.into / f"{name}.json")
        before, now = 100 * found.occupied_before.error(), 100 * found.occupied_after.error()
        print(f"{name}: {found.made_of}; occupied off by {before:.1f} points before, {now:.1f} now", flush=True)


if __name__ == "__main__":
    main()
