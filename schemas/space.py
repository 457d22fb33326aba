"""Where labels lie and what they mean."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import Taxonomy


class LabelSpace(BaseModel):
    """Grid and taxonomy together. Truth has one, labels have one."""

    model_config = ConfigDict(frozen=True)

    grid: Grid
    taxonomy: Taxonomy

    def __init__(self, grid: Grid, taxonomy: Taxonomy) -> None:
        super().__init__(grid=grid, taxonomy=taxonomy)
