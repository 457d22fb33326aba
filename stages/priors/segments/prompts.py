"""What an open-vocabulary detector is asked for: phrases for the classes of a taxonomy."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, field_validator

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.schemas.words import meant

_PHRASE = re.compile(r"[a-z0-9]+( [a-z0-9]+)*")


class Prompts(BaseModel):
    """Phrases by class. What no phrase asks for is not looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    phrases: dict[str, tuple[str, ...]]
    """Name of a class -> what it is called, each in lower case and without a dot: ``car: [car, van]``."""

    @field_validator("phrases")
    @classmethod
    def _each_once(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        said: dict[str, str] = {}
        for name, phrases in value.items():
            for phrase in phrases:
                if not _PHRASE.fullmatch(phrase):
                    raise ValueError(
                        f"the phrase {phrase!r} of {name} must be words of a-z and 0-9 in lower case, with one space "
                        "between them"
                    )
                if phrase in said:
                    raise ValueError(f"the phrase {phrase!r} stands for {said[phrase]} and for {name}; it can mean one")
                said[phrase] = name
        if not said:
            raise ValueError("there must be a phrase for at least one class")
        return value

    @property
    def text(self) -> str:
        """The prompt as Grounding DINO was trained to read it: a dot ends each phrase."""
        return " ".join(f"{phrase}." for phrases in self.phrases.values() for phrase in phrases)

    def class_ids(self, taxonomy: Taxonomy) -> dict[str, int]:
        """Class id by phrase. Raises BadRecipe for a class that the taxonomy does not have."""
        result: dict[str, int] = {}
        for name, phrases in self.phrases.items():
            if name not in taxonomy.names:
                raise BadRecipe(
                    f"the prompts name the class {name!r}, which {taxonomy.name} does not have"
                    f"{meant(name, taxonomy.names)}"
                )
            result |= dict.fromkeys(phrases, taxonomy.names.index(name))
        return result


def meant_class(text_label: str, class_ids: dict[str, int]) -> int | None:
    """The class of what the detector read out of its prompt for a box, None where that is no part of a phrase.

    A detector says the words that it is sure of, which may be a part of a phrase or parts of several: of the phrases
    that share words with it the one that is most alike counts (shared words to all words of both), then the first.
    """
    asked = {word for phrase in class_ids for word in phrase.split()}
    said = asked & set(text_label.lower().replace(".", " ").split())  # the rest are marks of where the prompt ends
    best, alike = None, 0.0
    for phrase, class_id in class_ids.items():
        words = set(phrase.split())
        if (found := len(said & words) / len(said | words)) > alike:
            best, alike = class_id, found
    return best


def prompts_for(given: Prompts | None, taxonomy: Taxonomy) -> Prompts:
    """The prompts themselves, or the preset of the taxonomy. Raises BadRecipe where there is none."""
    if given is not None:
        return given
    if taxonomy.name not in PRESETS:
        raise BadRecipe(
            f"there are no prompts for the taxonomy {taxonomy.name} (only for {', '.join(PRESETS)}); give some, such "
            "as prompts: {phrases: {CLASS: [car, van]}}"
        )
    return PRESETS[taxonomy.name]


PRESETS = {
    "semantickitti": Prompts(
        phrases={
            "car": ("car", "van"),
            "bicycle": ("bicycle",),
            "motorcycle": ("motorcycle", "scooter"),
            "truck": ("truck",),
            "other-vehicle": ("bus", "tram", "trailer", "tractor"),
            "person": ("pedestrian", "person"),
            "bicyclist": ("cyclist",),
            "motorcyclist": ("motorcyclist",),
            "road": ("road",),
            "parking": ("parking lot",),
            "sidewalk": ("sidewalk",),
            "other-ground": ("traffic island", "railway track"),
            "building": ("building", "house"),
            "fence": ("fence", "wall", "guard rail"),
            "vegetation": ("tree", "bush", "hedge"),
            "trunk": ("tree trunk",),
            "terrain": ("grass", "soil"),
            "pole": ("pole", "lamp post"),
            "traffic-sign": ("traffic sign",),
        }
    ),
    "occ3d": Prompts(
        phrases={
            "barrier": ("traffic barrier",),
            "bicycle": ("bicycle", "cyclist"),
            "bus": ("bus",),
            "car": ("car", "van"),
            "construction_vehicle": ("excavator", "construction vehicle"),
            "motorcycle": ("motorcycle", "motorcyclist"),
            "pedestrian": ("pedestrian", "person"),
            "traffic_cone": ("traffic cone",),
            "trailer": ("trailer",),
            "truck": ("truck",),
            "driveable_surface": ("road",),
            "other_flat": ("traffic island", "railway track"),
            "sidewalk": ("sidewalk",),
            "terrain": ("grass", "soil"),
            "manmade": ("building", "wall", "fence", "pole", "traffic sign", "bridge"),
            "vegetation": ("tree", "bush", "hedge"),
        }
    ),
}
"""By taxonomy."""
