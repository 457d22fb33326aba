"""The code of the package that brings a model is in the fingerprint, wherever it is installed from."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
from contract import facts_of, log_of

from occlabel.pipeline.planning.fingerprint import stage_digest
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.own_model import EntryPoint
from occlabel.stages.completion.package_code import files_of, load


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a package ``ourmodel`` of the distribution ``our-model``."""
    site = tmp_path / "site"
    write(site / "ourmodel/__init__.py", "")
    write(site / "ourmodel/net.py", "def load(space, device): ...")
    write(site / "ourmodel/data/weights.bin", "1")
    write(site / "our_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: our-model\nVersion: 1.0\n")
    write(site / "our_model-1.0.dist-info/entry_points.txt", "[occlabel.completion]\nours = ourmodel.net:load\n")
    monkeypatch.syspath_prepend(site)
    for name in [name for name in sys.modules if name.split(".")[0] in ("ourmodel", "ourhelpers")]:
        monkeypatch.delitem(sys.modules, name)
    return site


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def entry(value: str = "ourmodel.net:load") -> metadata.EntryPoint:
    (found,) = metadata.entry_points(group="occlabel.completion", name="ours")
    return found if found.value == value else metadata.EntryPoint("ours", value, "occlabel.completion")


def fingerprint(space: LabelSpace, **options: object) -> str:
    stage = EntryPoint.model_validate({"model": "ours", **options})
    assert stage.refuse(space, None) is None
    return stage_digest(stage, space, 16, "cpu") + stage.fingerprint_extra(space, facts_of(log_of(())))


def test_every_change_of_the_package_is_another_fingerprint(site: Path, space: LabelSpace) -> None:
    prints = [fingerprint(space)]
    assert fingerprint(space) == prints[0]
    write(site / "ourmodel/net.py", "def load(space, device): ...  # other code of another length")
    prints.append(fingerprint(space))
    write(site / "ourmodel/data/weights.bin", "2")
    prints.append(fingerprint(space))
    (site / "ourmodel/data/weights.bin").rename(site / "ourmodel/data/others.bin")
    prints.append(fingerprint(space))
    write(site / "ourmodel/more.py", "")
    prints.append(fingerprint(space))
    write(site / "our_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: our-model\nVersion: 1.1\n")
    prints.append(fingerprint(space))
    assert len(set(prints)) == 6
    write(site / "ourmodel/__pycache__/net.cpython-311.pyc", "byte code")
    write(site / "ourmodel/.cache/notes", "hidden")
    assert fingerprint(space) == prints[-1]


def test_modules_besides_the_package_count_too(site: Path, space: LabelSpace) -> None:
    write(site / "ourhelpers.py", "x = 1")
    assert list(files_of(entry())) == ["ourmodel/__init__.py", "ourmodel/data/weights.bin", "ourmodel/net.py"]
    write(site / "our_model-1.0.dist-info/top_level.txt", "ourmodel\nourhelpers\n")
    assert "ourhelpers.py" in files_of(entry())
    (site / "our_model-1.0.dist-info/top_level.txt").unlink()
    write(site / "our_model-1.0.dist-info/RECORD", "ourmodel/net.py,,\nourhelpers.py,,\n../../bin/tool,,\n")
    assert "ourhelpers.py" in files_of(entry())


def test_a_checkout_that_is_linked_or_on_the_path_is_read_where_it_lies(site: Path, tmp_path: Path) -> None:
    (site / "ourmodel").rename(tmp_path / "checkout")
    (site / "ourmodel").mkdir()
    for part in ("__init__.py", "net.py", "data"):
        (site / "ourmodel" / part).symlink_to(tmp_path / "checkout" / part)
    (tmp_path / "checkout/data/again").symlink_to(tmp_path / "checkout/data")
    assert list(files_of(entry())) == ["ourmodel/__init__.py", "ourmodel/data/weights.bin", "ourmodel/net.py"]


def test_a_part_of_a_namespace_is_not_the_whole_namespace(site: Path) -> None:
    write(site / "ourspace/mine/__init__.py", "")
    write(site / "ourspace/theirs/__init__.py", "")
    assert list(files_of(entry("ourspace.mine:load"))) == ["ourspace.mine/__init__.py"]


def test_weights_outside_of_the_package_are_named(site: Path, tmp_path: Path, space: LabelSpace) -> None:
    weights = tmp_path / "checkpoint.pt"
    weights.write_bytes(b"1")
    before = fingerprint(space, weights=[str(weights)])
    weights.write_bytes(b"2")
    assert fingerprint(space, weights=[str(weights)]) != before


def test_a_module_that_is_not_there_is_said(site: Path, space: LabelSpace) -> None:
    (site / "ourmodel").rename(site / "renamed")
    assert EntryPoint(model="ours").refuse(space, None) == "there is no module 'ourmodel' to import"


def test_a_changed_package_is_imported_anew(site: Path) -> None:
    write(site / "ourmodel/net.py", "from ourmodel.number import N\ndef load(space, device): return N\n")
    write(site / "ourmodel/number.py", "N = 1\n")
    first = load(entry())
    assert load(entry()) is first and first(None, None) == 1
    write(site / "ourmodel/number.py", "N = 1 + 1\n")
    assert load(entry())(None, None) == 2
