"""The chain: the stages of a recipe in the order the data flows, and who reads what from whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from occlabel.pipeline.planning.kinds import asked, writers_of
from occlabel.schemas.arrays import GEOMETRY, ArraySpec
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.stage import Stage

LOG_WRITES = frozenset(spec.name for spec in GEOMETRY)


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a chain. ``name`` is its slot, or ``slot.name`` where a slot holds several."""

    name: str
    stage: Stage

    @property
    def title(self) -> str:
        """What sentences call it."""
        return f"stage {self.name} ({self.stage.kind})"


Chain = tuple[Step, ...]


def sources(chain: Chain, index: int) -> dict[str, int | None]:
    """Array -> index of the nearest earlier step that writes it, None where the log does; of what step ``index`` reads.

    Raises BadRecipe for an array that nobody before it writes, with who could, and for a stage that cannot say.
    """
    step = chain[index]
    result: dict[str, int | None] = {}
    for spec in _said(step):
        writers = [i for i in range(index) if any(spec.name == written.name for written in chain[i].stage.written)]
        if not writers and spec.name not in LOG_WRITES:
            said = f"{step.title} reads {spec.name!r}, which nothing before it writes"
            raise BadRecipe(said + _way_out(step, spec.name))
        result[spec.name] = writers[-1] if writers else None
        if writers:
            _refuse_other_array(chain[writers[-1]], step, spec.name)
    return result


def _said(step: Step) -> tuple[ArraySpec[Any], ...]:
    """What the step reads. Raises BadRecipe where a package's stage fails to say that, or what it writes."""
    with asked(type(step.stage), "what it reads and writes"):
        needed, written = tuple(step.stage.needed), tuple(step.stage.written)
    if strange := [spec for spec in (*needed, *written) if not isinstance(spec, ArraySpec)]:
        raise BadRecipe(f"{step.title}: it says that it reads or writes {strange[0]!r}, which is no ArraySpec")
    return needed


def _way_out(step: Step, array: str) -> str:
    """Who could write ``array`` for the step, and by which options it does without; as the end of a sentence."""
    writers, spared = writers_of(array, step.name.partition(".")[0]), step.stage.without(array)
    said = f"; it is written by {' and '.join(writers)}" if writers else ""
    return said if spared is None else f"{said}: add that, or set {' '.join(changes(step, spared))}"


def changes(step: Step, stage: Stage) -> list[str]:
    """What makes the stage of ``step`` the other one, as ``slot.option=value``."""
    before, after = step.stage.model_dump(mode="json"), stage.model_dump(mode="json")
    return [f"{step.name}.{name}={_as_yaml(value)}" for name, value in after.items() if before[name] != value]


def _as_yaml(value: object) -> str:
    """As it stands behind ``--set``."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def unresolved(chain: Chain, index: int) -> str | None:
    """The first array that step ``index`` reads and nobody writes, None where it has all it needs."""
    for spec in chain[index].stage.needed:
        written = any(spec.name == w.name for before in chain[:index] for w in before.stage.written)
        if not written and spec.name not in LOG_WRITES:
            return spec.name
    return None


def _refuse_other_array(writer: Step, reader: Step, name: str) -> None:
    """Raises BadRecipe when both know an array of that name and mean different ones."""
    (wrote,) = (spec for spec in writer.stage.written if spec.name == name)
    (reads,) = (spec for spec in reader.stage.needed if spec.name == name)
    if (wrote.dtype, wrote.dims, wrote.matrix) != (reads.dtype, reads.dims, reads.matrix):
        raise BadRecipe(
            f"{writer.title} writes {name!r} as {wrote.dtype} over {', '.join(wrote.dims)}, and {reader.title} reads "
            f"{reads.dtype} over {', '.join(reads.dims)}: they do not mean the same array"
        )
