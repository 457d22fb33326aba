"""What a scene says of itself: what hangs where, what its colours mean, what it lacks."""

from __future__ import annotations

from collections.abc import Sequence

from occlabel.pipeline.delivery.pictures.birds_eye import INVENTED, MISSED, OTHER_CLASS
from occlabel.pipeline.delivery.scene.motion import LASTS, MOST_ARROWS
from occlabel.pipeline.delivery.scene.voxels import MOST
from occlabel.pipeline.published.version import PublishedVersion


def about(version: PublishedVersion, log: str, against: str | None, left_out: Sequence[str]) -> str:
    """Markdown."""
    grid, taxonomy = version.space.grid, version.space.taxonomy
    rows = [
        ("classes", "what the voxels are; each class can be hidden by itself"),
        ("instances, boxes", "a colour for each object"),
        ("confidence", "dark is unsure, bright is sure"),
        ("flow", f"how far a voxel goes in a second; at most {MOST_ARROWS:,} arrows"),
        ("ways", f"of the car, and of the objects of a frame in the last {LASTS} frames"),
        ("cameras, lidar", "what the sensors saw"),
    ]
    if against is not None:
        rows[1:1] = [
            ("against", f"the classes of {against}"),
            (
                "difference",
                f"another class {_hex(OTHER_CLASS)}, only in {version.name} {_hex(INVENTED)}, only in {against} "
                f"{_hex(MISSED)}; free or unknown is one",
            ),
        ]
    lines = [
        f"# {_plain(version.name)}, log {_plain(log)}",
        f"Voxels of {grid.voxel_size:g} m in the {grid.frame} frame. Drawn are those with a side to something else, at "
        f"most {MOST:,} of a layer and frame; of more every second, third and so on, which the notes of the frame say.",
        "",
        "| under world/frame | |\n| --- | --- |",
        *(f"| {_plain(name)} | {_plain(said)} |" for name, said in rows),
        "",
        "| class | colour |\n| --- | --- |",
        *(f"| {_plain(taxonomy.names[i])} | {_hex(taxonomy.classes[i].colour)} |" for i in taxonomy.occupied_ids),
        "",
        *(f"- {_plain(sentence)}" for sentence in left_out),
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A name in a table, whatever is in it."""
    return text.replace("|", "/").replace("\n", " ")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
