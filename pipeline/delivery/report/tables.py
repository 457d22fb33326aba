"""Tables of a report: rows of text, ready to be put on the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from occlabel.pipeline.delivery.report.content import Report
from occlabel.pipeline.quality.compare.against_truth import AgainstTruth
from occlabel.pipeline.quality.compare.compare import Comparison
from occlabel.schemas.words import counted

_MEASURES = {
    "iou": "IoU", "miou": "mIoU", "miou_present": "mIoU, classes in the truth", "precision": "precision",
    "recall": "recall",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Numbers are to the right of the first column."""

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    marked: dict[int, str] = field(default_factory=dict)
    """Row -> ``good`` or ``bad``."""
    classes: dict[int, int] = field(default_factory=dict)
    """Row -> class whose colour stands before it."""
    bars: dict[int, float] = field(default_factory=dict)
    """Row -> length of the bar behind it, 0..1."""


def score_table(measures: dict[str, Any]) -> Table:
    """As ``occlabel evaluate`` prints it: a column a range, the measures, then the classes."""
    ranges = list(measures)
    columns = ("", *map(_range, ranges))
    rows = [(title, *(percent(measures[name][key]) for name in ranges)) for key, title in _MEASURES.items()]
    rows += [
        (name, *(percent(measures[r]["per_class"][name]) for r in ranges)) for name in measures[ranges[0]]["per_class"]
    ]
    return Table("IoU in percent, by the rules of the benchmark", columns, rows)


def truth_table(found: AgainstTruth) -> Table:
    """Both scores and their difference, the worst class first."""
    rows: list[tuple[str, ...]] = []
    marked: dict[int, str] = {}
    for name, one in ({name: found.measures[name] for name in ("mIoU", "IoU")} | found.classes).items():
        if not (one.a > 0 or one.b > 0):
            continue
        if one.shown:
            marked[len(rows)] = "good" if one.interval.value > 0 else "bad"
        low, high = 100 * one.interval.low, 100 * one.interval.high
        carrier = "" if one.log is None else f"{one.log} ({100 * one.share:.0f}%)"
        rows.append((
            name, f"{100 * one.a:.2f}", f"{100 * one.b:.2f}", f"{100 * one.interval.value:+.2f}",
            f"{low:+.2f} to {high:+.2f}", "yes" if one.shown else "no", carrier,
        ))  # fmt: skip
    columns = ("", "before", "now", "difference", "19 in 20 draws", "more than chance", "most of it in log")
    caption = f"IoU in percent against the truth, range {found.range}, {counted(found.frames, 'frame')}"
    return Table(caption, columns, rows, marked)


def change_table(found: Comparison) -> Table:
    """By class, the one of which most changed first."""
    facts = {name: entry["per_class"] for name, entry in found.facts()["voxels"]["ranges"].items()}
    whole, *ranges = facts
    names = found.space.taxonomy.names
    order = sorted(facts[whole].items(), key=lambda item: item[1]["both"] * 2 - item[1]["a"] - item[1]["b"])
    rows: list[tuple[str, ...]] = []
    classes: dict[int, int] = {}
    for name, entry in order:
        near = [percent(facts[r][name]["iou"]) if name in facts[r] else "–" for r in ranges]
        became = ", ".join(f"{other} {count:,}" for other, count in list(entry["became"].items())[:2])
        if name in names:
            classes[len(rows)] = names.index(name)
        rows.append((name, f"{entry['a']:,}", f"{entry['b']:,}", percent(entry["iou"]), *near, became))
    columns = ("", "voxels before", "now", "IoU of both", *map(_range, ranges), "became mostly")
    return Table(f"voxels of {counted(found.frames, 'frame')} that both versions have", columns, rows, classes=classes)


def object_table(found: Comparison) -> Table:
    """By class, what became of the objects."""
    rows: list[tuple[str, ...]] = []
    classes: dict[int, int] = {}
    for name, entry in found.facts()["objects"]["per_class"].items():
        became = ", ".join(f"{other} {count:,}" for other, count in list(entry["became"].items())[:2])
        classes[len(rows)] = found.space.taxonomy.names.index(name)
        rows.append((name, *(f"{entry[what]:,}" for what in ("a", "b", "both", "only_a", "only_b")), became))
    columns = ("", "objects before", "now", "in both", "vanished", "appeared", "became mostly")
    return Table(f"objects of {counted(found.with_objects, 'frame')}", columns, rows, classes=classes)


def class_table(report: Report) -> Table:
    """What the labels are made of, the most frequent class first."""
    counts, taxonomy = report.look.classes, report.version.space.taxonomy
    frames = max(len(report.look.read), 1)
    occupied = max(report.look.occupied(taxonomy.free_id), 1)
    rows: list[tuple[str, ...]] = []
    classes: dict[int, int] = {}
    bars: dict[int, float] = {}
    for index in sorted(taxonomy.occupied_ids, key=lambda i: -counts[i]):
        classes[len(rows)] = index
        bars[len(rows)] = float(counts[index] / occupied)
        share = f"{100 * counts[index] / occupied:.2f}"
        rows.append((taxonomy.names[index], f"{counts[index] / frames:,.0f}", share))
    caption = f"over {len(report.look.read)} of {counted(report.version.info.frames, 'frame')}"
    return Table(caption, ("", "voxels a frame", "% of the occupied"), rows, classes=classes, bars=bars)


def cost_table(report: Report) -> Table:
    """Seconds of workers by stage, and what 1,000 frames take."""
    total = sum(cost.seconds for cost in report.costs)
    rows: list[tuple[str, ...]] = []
    bars: dict[int, float] = {}
    for cost in report.costs:
        bars[len(rows)] = cost.seconds / max(total, 1e-9)
        parts = (f"{cost.parts[part]:.3f}" for part in ("load", "setup", "process", "write"))
        rows.append((cost.stage, f"{cost.frames:,}", *parts, f"{cost.seconds:.3f}", f"{cost.seconds / 3.6:.2f}"))
    rows.append(("all", "", "", "", "", "", f"{total:.3f}", f"{total / 3.6:.2f}"))
    columns = ("", "frames", "load", "set-up", "process", "write", "s a frame", "worker hours for 1,000")
    return Table("worker seconds for a frame, of what this run did itself", columns, rows, bars=bars)


def _range(name: str) -> str:
    """What its column is called."""
    return name if name == "full" else f"to {name} m"


def percent(value: float | None) -> str:
    """Of a share, or a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f}"
