"""Labels of models and phrases for detectors mean classes of the taxonomy, or are refused by name."""

import pytest
from pydantic import ValidationError

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, LabelClass, Taxonomy
from occlabel.stages.priors.glance import labels as glance_labels
from occlabel.stages.priors.segments import class_tables, prompts
from occlabel.stages.priors.segments.class_tables import ClassTable, class_table
from occlabel.stages.priors.segments.prompts import Prompts, meant_class, prompts_for

CITYSCAPES = (
    "road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky person rider car truck "
    "bus train motorcycle bicycle"
)
VISTAS = (
    "Bird;Ground Animal;Curb;Fence;Guard Rail;Barrier;Wall;Bike Lane;Crosswalk - Plain;Curb Cut;Parking;"
    "Pedestrian Area;Rail Track;Road;Service Lane;Sidewalk;Bridge;Building;Tunnel;Person;Bicyclist;Motorcyclist;"
    "Other Rider;Lane Marking - Crosswalk;Lane Marking - General;Mountain;Sand;Sky;Snow;Terrain;Vegetation;Water;"
    "Banner;Bench;Bike Rack;Billboard;Catch Basin;CCTV Camera;Fire Hydrant;Junction Box;Mailbox;Manhole;Phone Booth;"
    "Pothole;Street Light;Pole;Traffic Sign Frame;Utility Pole;Traffic Light;Traffic Sign (Back);Traffic Sign (Front);"
    "Trash Can;Bicycle;Boat;Bus;Car;Caravan;Motorcycle;On Rails;Other Vehicle;Trailer;Truck;Wheeled Slow;Car Mount;"
    "Ego Vehicle"
)
ADE20K_BY_ONE_NAME = (
    "wall;building;sky;floor;tree;ceiling;road;bed ;windowpane;grass;cabinet;sidewalk;person;earth;door;table;mountain;"
    "plant;curtain;chair;car;water;painting;sofa;shelf;house;sea;mirror;rug;field;fence;railing;signboard;sand;"
    "skyscraper;path;hill;palm;bus;truck;tower;streetlight;dirt track;pole;land;bannister;van;minibike;animal;bicycle"
)
ADE20K_WITH_SYNONYMS = (
    "wall;building, edifice;sky;floor, flooring;tree;ceiling;road, route;bed;window ;grass;cabinet;sidewalk, pavement;"
    "person, individual, someone, somebody, mortal, soul;earth, ground;door;table;mountain, mount;"
    "plant, flora, plant life;curtain;chair;car, auto, automobile, machine, motorcar;water;painting, picture;sofa;"
    "shelf;house;sea;mirror;rug;field;fence;rail;signboard, sign;sand;skyscraper;path;hill;palm, palm tree;bus;truck;"
    "tower;street lamp;dirt track;pole;land, ground, soil;bannister, banister, balustrade, balusters, handrail;van;"
    "minibike, motorbike;animal;bicycle, bike, wheel, cycle"
)
LABELS = {
    "cityscapes": [label.replace("_", " ") for label in CITYSCAPES.split()],
    "mapillary_vistas": VISTAS.split(";"),
    "ade20k": ADE20K_BY_ONE_NAME.split(";"),
    "glance": list(glance_labels.LABELS),
}


def numbered(labels: list[str]) -> dict[int, str]:
    return dict(enumerate(labels))


@pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)
@pytest.mark.parametrize("dataset", LABELS)
def test_every_data_set_speaks_of_every_preset_taxonomy(dataset: str, taxonomy: Taxonomy) -> None:
    labels = LABELS[dataset]
    ids = class_table(dataset, taxonomy).class_ids(numbered(labels), taxonomy)
    found = dict(zip((label.lower().strip() for label in labels), ids, strict=True))
    assert found["sky"] == UNKNOWN, "there is nothing there"
    assert taxonomy.free_id not in ids
    for label, name in {"car": "car", "truck": "truck", "bicycle": "bicycle", "sidewalk": "sidewalk"}.items():
        assert taxonomy.names[found[label]] == name
    assert taxonomy.names[found["road"]] == {"semantickitti": "road", "occ3d": "driveable_surface"}[taxonomy.name]
    assert taxonomy.names[found["person"]] == {"semantickitti": "person", "occ3d": "pedestrian"}[taxonomy.name]


@pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)
def test_the_two_spellings_of_ade20k_mean_the_same(taxonomy: Taxonomy) -> None:
    table = class_table("ade20k", taxonomy)
    plain, synonyms = ADE20K_BY_ONE_NAME.split(";"), ADE20K_WITH_SYNONYMS.split(";")
    assert len(plain) == len(synonyms)
    assert table.class_ids(numbered(plain), taxonomy) == table.class_ids(numbered(synonyms), taxonomy)


def test_presets_name_no_label_that_their_data_set_does_not_have() -> None:
    known = {name: {label.lower().strip() for label in labels} for name, labels in LABELS.items()}
    for (dataset, _), table in class_tables.PRESETS.items():
        if dataset != "ade20k":
            assert {label.lower() for label in table.labels} - known[dataset] <= {"unlabeled"}


def test_a_label_that_the_table_lacks_is_named() -> None:
    taxonomy = TAXONOMIES["semantickitti"]
    table = ClassTable(labels={"car": "car", "sky": None})
    said = r"lacks 2 of the 3 labels of the model: 'tree', 'Lamp'; give the table"
    with pytest.raises(BadWeights, match=said):
        table.class_ids({0: "tree", 1: "CAR", 2: "Lamp"}, taxonomy)
    lenient = table.model_copy(update={"unlisted": "none"})
    assert lenient.class_ids({0: "tree", 1: "CAR", 2: "Lamp"}, taxonomy) == (UNKNOWN, 1, UNKNOWN)
    with pytest.raises(BadWeights, match="lacks 2 of the 2 labels of the model: 'LABEL_0', 'LABEL_1'"):
        lenient.class_ids({0: "LABEL_0", 1: "LABEL_1"}, taxonomy)
    with pytest.raises(BadWeights, match=r"not numbered 0\.\.1"):
        table.class_ids({1: "car", 2: "sky"}, taxonomy)


def test_tables_and_prompts_for_other_taxonomies_must_be_given() -> None:
    own = Taxonomy(name="own", free_id=0, classes=(LabelClass(id=0, name="free", colour=(0, 0, 0)),))
    with pytest.raises(BadRecipe, match=r"cityscapes has no class table for the taxonomy own .*list the labels"):
        class_table("cityscapes", own)
    with pytest.raises(BadRecipe, match=r"unknown class table 'cityscape' \(did you mean 'cityscapes'\?\)"):
        class_table("cityscape", TAXONOMIES["occ3d"])
    with pytest.raises(BadRecipe, match="no prompts for the taxonomy own"):
        prompts_for(None, own)
    table, asked = ClassTable(labels={"car": "car"}), Prompts(phrases={"car": ("car",)})
    for refuses in (lambda: table.class_ids({0: "car"}, own), lambda: asked.class_ids(own)):
        with pytest.raises(BadRecipe, match="the class 'car', which own does not have"):
            refuses()


@pytest.mark.parametrize("taxonomy", TAXONOMIES.values(), ids=TAXONOMIES)
def test_preset_prompts_are_as_the_detector_reads_them(taxonomy: Taxonomy) -> None:
    asked = prompts_for(None, taxonomy)
    assert asked.text == asked.text.lower() and asked.text.endswith(".")
    ids = asked.class_ids(taxonomy)
    assert asked.text == " ".join(f"{phrase}." for phrase in ids)
    silent = set(range(len(taxonomy.classes))) - set(ids.values())
    assert silent <= {taxonomy.free_id, *(c.id for c in taxonomy.classes if c.name == "others")}
    for phrase, class_id in ids.items():
        assert meant_class(phrase, ids) == class_id
    assert set(prompts.PRESETS) == set(TAXONOMIES)


def test_what_a_detector_says_is_the_most_alike_phrase() -> None:
    ids = {"car": 1, "tree": 2, "tree trunk": 3, "traffic sign": 4, "traffic cone": 5}
    said = {"tree tree trunk": 3, "trunk": 3, "tree": 2, "traffic": 4, "sign cone traffic traffic": 4, "car tree": 1}
    assert {text: meant_class(text, ids) for text in said} == said
    assert meant_class("", ids) is None and meant_class("##pole", ids) is None


@pytest.mark.parametrize(
    ("phrases", "said"),
    [
        ({"car": ("Car",)}, "'Car' of car must be words of a-z"),
        ({"car": ("a car.",)}, "must be words"),
        ({"car": ("car",), "truck": ("van", "car")}, "'car' stands for car and for truck"),
        ({}, "at least one class"),
        ({"car": ()}, "at least one class"),
    ],
)
def test_phrases_that_a_detector_would_misread_are_refused(phrases: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Prompts(phrases=phrases)
