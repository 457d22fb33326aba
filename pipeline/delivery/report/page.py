"""The page: everything of a report in one file, with style and script inside, that asks nothing of any network."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from occlabel.pipeline.delivery.report.charts import reliability_chart
from occlabel.pipeline.delivery.report.content import Report
from occlabel.pipeline.delivery.report.tables import (
    Table,
    change_table,
    class_table,
    cost_table,
    object_table,
    percent,
    score_table,
    truth_table,
)
from occlabel.pipeline.delivery.report.volumes import drawn
from occlabel.schemas.words import counted, inflected

_PARTS = "occlabel.pipeline.delivery.report.parts"


def page(report: Report) -> str:
    """The HTML. Every name in it is escaped, whatever a log or a class is called."""
    environment = Environment(
        loader=PackageLoader("occlabel.pipeline.delivery.report", "parts"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    parts = {name: Markup(files(_PARTS).joinpath(name).read_text()) for name in ("page.css", "draw.js", "view.js")}
    return environment.get_template("page.html").render(report=report, parts=parts, **_context(report))


def _context(report: Report) -> dict[str, Any]:
    version, comparison = report.version, report.comparison
    frames = [{"log": s.log, "name": s.name, "volumes": s.volumes, "car": s.car, "why": s.why} for s in report.shown]
    heat = None
    if comparison is not None and comparison.changed().changed:
        heat = comparison.facts()["voxels"]["heat"]
    return {
        "title": f"{version.name}" + (f" beside {comparison.diff.a.rpartition('@')[2]}" if comparison else ""),
        "headline": _headline(report),
        "tables": _tables(report),
        "chart": _chart(report),
        "data": {"space": drawn(version.space), "frames": frames, "heat": heat},
    }


def _headline(report: Report) -> list[tuple[str, str, str]]:
    """(figure, what it is, more) of the most important."""
    look, version = report.look, report.version
    found: list[tuple[str, str, str]] = []
    if report.measures:
        far = list(report.measures)[-1]
        scores = report.measures[far]
        found.append((percent(scores["miou"]), "mIoU", f"range {far}, percent"))
        found.append((percent(scores["iou"]), "IoU", "occupied against free"))
    if report.comparison is not None:
        changed = report.comparison.changed()
        found.append((percent(changed.changed_occupied / max(changed.occupied, 1)), "% changed", "of occupied voxels"))
    lacking = counted(len(version.info.missing), "log or clip", "logs or clips")
    found.append(
        (
            f"{version.info.frames:,}",
            inflected(version.info.frames, "frame", "frames"),
            f"in {counted(len(version.logs), 'log')}, {lacking} missing",
        )
    )
    occupied = look.occupied(version.space.taxonomy.free_id)
    if look.doubts:
        found.append((percent(look.doubtful / max(occupied, 1)), "% doubtful", "occupied, less than half sure"))
    found.append((percent(look.unknown), "% unknown", "of all voxels"))
    return found


def _tables(report: Report) -> dict[str, Table | None]:
    comparison = report.comparison
    return {
        "scores": score_table(report.measures) if report.measures else None,
        "truth": truth_table(comparison.truth) if comparison is not None and comparison.truth is not None else None,
        "changes": change_table(comparison) if comparison is not None and comparison.changed().changed else None,
        "objects": object_table(comparison) if comparison is not None and comparison.objects_changed else None,
        "classes": class_table(report),
        "costs": cost_table(report) if report.costs else None,
    }


def _chart(report: Report) -> Markup | None:
    calibration = None if report.evaluation is None else report.evaluation.calibration
    if calibration is None:
        return None
    return reliability_chart({"labelled occupied": calibration.occupied(), "all voxels": calibration.whole()})
