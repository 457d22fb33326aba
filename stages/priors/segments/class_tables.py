"""From the labels that a segmentation model was trained with to the classes of a taxonomy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.schemas.words import meant


class ClassTable(BaseModel):
    """Which class each label of a model means."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    labels: dict[str, str | None]
    """Label -> name of a class, or null for none of them. Of a label with synonyms (``road, route``) the first counts;
    capitals do not."""
    unlisted: Literal["refuse", "none"] = "refuse"
    """What becomes of a label that does not stand here: the model is refused, or the label means no class."""

    def class_ids(self, id2label: Mapping[int, str], taxonomy: Taxonomy) -> tuple[int, ...]:
        """Class id by label id 0..n-1, UNKNOWN where the label means none.

        Raises BadRecipe for a class that the taxonomy does not have, BadWeights, naming them, for labels that the table
        lacks, and for a model of which it knows none.
        """
        classes = {_plain(label): self._class_id(name, taxonomy) for label, name in self.labels.items()}
        if sorted(id2label) != list(range(len(id2label))):
            raise BadWeights(
                f"the labels of the model are not numbered 0..{len(id2label) - 1}; its config.json is wrong"
            )
        lacking = [id2label[index] for index in range(len(id2label)) if _plain(id2label[index]) not in classes]
        if len(lacking) == len(id2label) or (lacking and self.unlisted == "refuse"):
            some = ", ".join(map(repr, lacking[:5])) + (", ..." if len(lacking) > 5 else "")
            raise BadWeights(
                f"the class table lacks {len(lacking)} of the {len(id2label)} labels of the model: {some}; give the "
                "table of the data set that it was trained with, or list them (label: class, or label: null for none)"
            )
        return tuple(classes.get(_plain(id2label[index]), UNKNOWN) for index in range(len(id2label)))

    def _class_id(self, name: str | None, taxonomy: Taxonomy) -> int:
        if name is None:
            return UNKNOWN
        if name not in taxonomy.names:
            raise BadRecipe(
                f"the class table names the class {name!r}, which {taxonomy.name} does not have"
                f"{meant(name, taxonomy.names)}"
            )
        return taxonomy.names.index(name)


def class_table(given: str | ClassTable, taxonomy: Taxonomy) -> ClassTable:
    """The table itself, or the preset for the labels of a data set. Raises BadRecipe where there is none."""
    if isinstance(given, ClassTable):
        return given
    if (given, taxonomy.name) in PRESETS:
        return PRESETS[given, taxonomy.name]
    datasets = sorted({dataset for dataset, _ in PRESETS})
    if given in datasets:
        known = ", ".join(sorted({name for _, name in PRESETS}))
        raise BadRecipe(
            f"{given} has no class table for the taxonomy {taxonomy.name} (only for {known}); list the labels"
        )
    raise BadRecipe(f"unknown class table {given!r}{meant(given, datasets)}; known: {', '.join(datasets)}")


def _plain(label: str) -> str:
    """The first synonym, in lower case."""
    return " ".join(label.partition(",")[0].lower().split())


def _table(rows: str, unlisted: Literal["refuse", "none"] = "refuse") -> ClassTable:
    """One class a line, then its labels; ``-`` is none."""
    labels: dict[str, str | None] = {}
    for row in rows.strip().splitlines():
        name, _, listed = row.strip().partition(": ")
        labels |= {label.strip(): None if name == "-" else name for label in listed.split(";")}
    return ClassTable(labels=labels, unlisted=unlisted)


_CITYSCAPES_TO_SEMANTICKITTI = _table(
    """
    car: car
    bicycle: bicycle
    motorcycle: motorcycle
    truck: truck
    other-vehicle: bus; train
    person: person
    bicyclist: rider
    road: road
    sidewalk: sidewalk
    building: building
    fence: fence; wall
    vegetation: vegetation
    terrain: terrain
    pole: pole
    traffic-sign: traffic sign
    -: traffic light; sky
    """
)
"""SemanticKITTI counts walls that are no part of a building as fences, and does not score traffic lights."""

_CITYSCAPES_TO_OCC3D = _table(
    """
    bicycle: bicycle; rider
    bus: bus
    car: car
    motorcycle: motorcycle
    pedestrian: person
    truck: truck
    driveable_surface: road
    sidewalk: sidewalk
    terrain: terrain
    manmade: building; wall; fence; pole; traffic light; traffic sign
    vegetation: vegetation
    others: train
    -: sky
    """
)
"""nuScenes counts riders to what they ride."""

_VISTAS_TO_SEMANTICKITTI = _table(
    """
    car: Car
    bicycle: Bicycle
    motorcycle: Motorcycle
    truck: Truck
    other-vehicle: Bus; Caravan; On Rails; Other Vehicle; Trailer; Wheeled Slow; Boat
    person: Person; Other Rider
    bicyclist: Bicyclist
    motorcyclist: Motorcyclist
    road: Road; Bike Lane; Crosswalk - Plain; Service Lane; Lane Marking - Crosswalk; Lane Marking - General; \
Catch Basin; Manhole; Pothole
    parking: Parking
    sidewalk: Sidewalk; Curb; Curb Cut; Pedestrian Area
    other-ground: Rail Track
    building: Building
    fence: Fence; Guard Rail; Barrier; Wall
    vegetation: Vegetation
    terrain: Terrain; Mountain; Sand; Snow
    pole: Pole; Street Light; Utility Pole; Traffic Sign Frame
    traffic-sign: Traffic Sign (Back); Traffic Sign (Front)
    -: Bird; Ground Animal; Bridge; Tunnel; Sky; Water; Banner; Bench; Bike Rack; Billboard; CCTV Camera; \
Fire Hydrant; Junction Box; Mailbox; Phone Booth; Traffic Light; Trash Can; Car Mount; Ego Vehicle; Unlabeled
    """
)

_VISTAS_TO_OCC3D = _table(
    """
    barrier: Barrier
    bicycle: Bicycle; Bicyclist
    bus: Bus
    car: Car
    construction_vehicle: Other Vehicle
    motorcycle: Motorcycle; Motorcyclist
    pedestrian: Person; Other Rider
    trailer: Trailer; Caravan
    truck: Truck
    driveable_surface: Road; Bike Lane; Crosswalk - Plain; Parking; Service Lane; Lane Marking - Crosswalk; \
Lane Marking - General; Catch Basin; Manhole; Pothole
    other_flat: Rail Track
    sidewalk: Sidewalk; Curb; Curb Cut; Pedestrian Area
    terrain: Terrain; Mountain; Sand; Snow
    manmade: Building; Bridge; Tunnel; Fence; Guard Rail; Wall; Banner; Bench; Billboard; CCTV Camera; Fire Hydrant; \
Junction Box; Mailbox; Phone Booth; Street Light; Pole; Traffic Sign Frame; Utility Pole; Traffic Light; \
Traffic Sign (Back); Traffic Sign (Front)
    vegetation: Vegetation
    others: Ground Animal; Bike Rack; Boat; On Rails; Trash Can; Wheeled Slow
    -: Bird; Sky; Water; Car Mount; Ego Vehicle; Unlabeled
    """
)

# ADE20K's labels go about with all their synonyms and with one; where the first differs, both stand here. Four in five
# of them are found indoors, and mean nothing here.
_ADE20K_TO_SEMANTICKITTI = _table(
    """
    car: car; van
    bicycle: bicycle
    motorcycle: minibike
    truck: truck
    other-vehicle: bus; boat; ship; airplane; plane
    person: person
    road: road; runway
    sidewalk: sidewalk; path
    other-ground: dirt track
    building: building; house; skyscraper; tower; hovel; wall
    fence: fence; railing; rail; bannister
    vegetation: tree; plant; palm; flower
    terrain: grass; earth; field; land; hill; mountain; rock; sand
    pole: pole; streetlight; street lamp; column
    traffic-sign: signboard
    """,
    unlisted="none",
)

_ADE20K_TO_OCC3D = _table(
    """
    bicycle: bicycle
    bus: bus
    car: car; van
    motorcycle: minibike
    pedestrian: person
    truck: truck
    driveable_surface: road; runway; dirt track
    sidewalk: sidewalk; path
    terrain: grass; earth; field; land; hill; mountain; rock; sand
    manmade: building; house; skyscraper; tower; hovel; wall; fence; railing; rail; bannister; pole; streetlight; \
street lamp; column; signboard; traffic light; bridge; pier; awning; booth; bench; grandstand
    vegetation: tree; plant; palm; flower
    others: animal; ashcan; trash can; boat; ship; airplane; plane
    """,
    unlisted="none",
)

_GLANCE_TO_SEMANTICKITTI = _table(
    """
    car: car
    bicycle: bicycle
    motorcycle: motorcycle
    truck: truck
    other-vehicle: bus; trailer; construction vehicle
    person: person
    bicyclist: bicyclist
    motorcyclist: motorcyclist
    road: road
    parking: parking
    sidewalk: sidewalk
    other-ground: other ground
    building: building
    fence: fence; barrier
    vegetation: vegetation
    trunk: trunk
    terrain: terrain
    pole: pole
    traffic-sign: traffic sign
    -: traffic cone; street furniture; sky
    """
)
"""Of the network that comes with occlabel."""

_GLANCE_TO_OCC3D = _table(
    """
    barrier: barrier
    bicycle: bicycle; bicyclist
    bus: bus
    car: car
    construction_vehicle: construction vehicle
    motorcycle: motorcycle; motorcyclist
    pedestrian: person
    traffic_cone: traffic cone
    trailer: trailer
    truck: truck
    driveable_surface: road; parking
    other_flat: other ground
    sidewalk: sidewalk
    terrain: terrain
    manmade: building; fence; pole; traffic sign; street furniture
    vegetation: vegetation; trunk
    -: sky
    """
)

PRESETS: dict[tuple[str, str], ClassTable] = {
    ("cityscapes", "semantickitti"): _CITYSCAPES_TO_SEMANTICKITTI,
    ("cityscapes", "occ3d"): _CITYSCAPES_TO_OCC3D,
    ("mapillary_vistas", "semantickitti"): _VISTAS_TO_SEMANTICKITTI,
    ("mapillary_vistas", "occ3d"): _VISTAS_TO_OCC3D,
    ("ade20k", "semantickitti"): _ADE20K_TO_SEMANTICKITTI,
    ("ade20k", "occ3d"): _ADE20K_TO_OCC3D,
    ("glance", "semantickitti"): _GLANCE_TO_SEMANTICKITTI,
    ("glance", "occ3d"): _GLANCE_TO_OCC3D,
}
"""By data set and taxonomy. Mapillary Vistas is its version 1.2."""
