"""The export of voxels for trainers that read SSCBench's KITTI-360."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occlabel.pipeline.delivery.export import labelled_frames, unknown_instead
from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.arrays import OBSERVED
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.words import counted
from occlabel.stages.export import occ3d, sscbench_kitti360


def to_sscbench_kitti360(version: PublishedVersion, out: Path, options: ExportOptions) -> str:
    """See ``Exporter``: ``data_2d_raw/LOG/voxels/FRAME.label`` and ``.invalid``. What was seen is what the version says
    was observed, or else all of which it knows a class."""
    if options.zipped or options.own_classes:
        given = "--zip" if options.zipped else "--own-classes"
        raise BadPredictions(f"{given} is for the layout of semantickitti; sscbench-kitti360 has no such thing")
    own = version.space.taxonomy.names
    told = {name: None for name in sscbench_kitti360.LEFT_OUT if name in own} | dict(options.told)
    frames = labelled_frames(version, sscbench_kitti360.SPACE, "sscbench-kitti360", options.logs, told)
    for frame in frames:
        occ3d.refuse_name(frame.log, frame.name)
    blind = 0
    for frame in frames:
        fresh = frame.anew()
        observed = fresh.observed
        blind += observed is None
        seen = None if observed is None else fresh.in_target(observed, np.uint8(OBSERVED.fill)) > 0
        labels = fresh.in_target(fresh.mapped, np.uint8(UNKNOWN))
        sscbench_kitti360.write_frame(out, frame.log, frame.name, labels, seen)
    said = f"wrote {counted(len(frames), 'frame')} to {out}{unknown_instead(frames)}"
    if blind:
        said += (
            f"; in {counted(blind, 'frame')} .invalid is where nothing is known: the version does not say there what "
            "was observed"
        )
    others = sorted({frame.log for frame in frames if not sscbench_kitti360.SEQUENCE.fullmatch(frame.log)})
    if others:
        said += f"; {', '.join(others[:5])}{' ...' * (len(others) > 5)}: no sequence of its splits, add yours to them"
    return said
