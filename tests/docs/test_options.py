"""The tables of options say what recipes accept, and nothing is left without a word."""

import importlib.util
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from mkdocs.exceptions import PluginError
from pydantic import Field

from occlabel.pipeline.planning.kinds import KINDS, stage_class
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.stage import Process, Stage

HOOK = Path(__file__).parents[2] / "docs/hooks/options.py"
_spec = importlib.util.spec_from_file_location("options_hook", HOOK)
hook = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hook)


class Halved(Stage):
    """Half of what there was."""

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 1
    writes: ClassVar = (SEMANTICS,)
    kind: Literal["halved"] = "halved"
    share: float = Field(default=0.5, gt=0, le=1)
    """How much
    is left."""
    way: Literal["up", "down"] | None = None
    """Where to | or not."""

    def setup(self, *_: object) -> Process:
        raise NotImplementedError


class Silent(Halved):
    """Says too little."""

    depth: int = 1


def test_a_row_says_type_bounds_default_and_meaning() -> None:
    *_, share, way = hook.table(Halved)
    assert share == "| `share` | number, more than 0, at most 1 | `0.5` | How much is left. |"
    assert way == "| `way` | `up` or `down` or null | `null` | Where to \\| or not. |"


def test_an_option_without_a_word_fails_the_build() -> None:
    with pytest.raises(PluginError, match=r"Silent\.depth has no docstring"):
        list(hook.table(Silent))


def test_every_option_of_every_kind_has_a_row() -> None:
    page = hook.on_page_markdown(hook.MARKER).split("\n### ")
    sections = {section.partition("\n")[0]: section for section in page}
    for slot, kinds in KINDS.items():
        for kind in kinds:
            for name in stage_class(slot, kind).model_fields.keys() - {"kind"}:
                assert f"\n| `{name}` |" in sections[f"{slot}: {kind}"]
