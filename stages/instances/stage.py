"""The kinds of instances a recipe can pick. Cheap to import: models load in ``setup``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.touching import ConnectedComponents

InstancesStage = Annotated[ConnectedComponents | ObjectQueries, Field(discriminator="kind")]
