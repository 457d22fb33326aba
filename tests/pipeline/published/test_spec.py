"""STORE@VERSION, where names of folders hold an ``@`` themselves."""

from pathlib import Path

import pytest

from occlabel.pipeline.published.spec import existing_store, spec_of, split, store_to_fill, version_name
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.errors import StoreError
from occlabel.workers.store import Store


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with version v1, in a folder that has everything that is awkward in its name."""
    folder = tmp_path / "me@work" / "it's a @store"
    Store(folder).put("versions/v1.parquet", b"")
    return str(folder)


def test_the_last_at_splits_unless_the_whole_is_a_folder(store: str) -> None:
    assert split(f"{store}@v1") == (store, "v1")
    assert split(f"{store}/@v1") == (f"{store}/", "v1")
    assert split(store) == (store, "latest")
    assert split(f"{store}/") == (f"{store}/", "latest")
    assert split("/no/me@work/store") == ("/no/me@work/store", "latest")
    assert split("/no/store@v1") == ("/no/store", "v1")


def test_urls_split_in_their_last_part(store: str) -> None:
    assert split("s3://bucket/labels@v1") == ("s3://bucket/labels", "v1")
    assert split("s3://bucket/a@b/labels") == ("s3://bucket/a@b/labels", "latest")
    assert split("s3://key@host/labels") == ("s3://key@host/labels", "latest")


def test_two_readings_are_both_named(store: str) -> None:
    Path(f"{store}@v1").mkdir()
    with pytest.raises(StoreError, match=r"can mean version v1 of the store .*@store, or the store in the folder"):
        split(f"{store}@v1")
    assert split(f"{store}/@v1")[1] == "v1"
    assert split(f"{store}@v1/") == (f"{store}@v1/", "latest")
    assert split(spec_of(Store(store), "v1")) == (f"{store}/", "v1")
    Path(f"{store}@v2").mkdir()
    assert split(f"{store}@v2") == (f"{store}@v2", "latest"), "there is no such version"


@pytest.mark.parametrize("spec", ["", " ", "@v1", "store@"])
def test_half_a_spec_is_refused(spec: str) -> None:
    with pytest.raises(StoreError, match="names no"):
        split(spec)


def test_a_store_that_is_none_is_said(store: str, tmp_path: Path) -> None:
    assert existing_store(f"{store}@v1").location == store
    with pytest.raises(StoreError, match=r"there is no store at .*nowhere"):
        existing_store(f"{tmp_path}/nowhere@v1")
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday/beach.jpg").touch()
    with pytest.raises(StoreError, match=r"no store at .*holiday .*not made by occlabel"):
        existing_store(str(tmp_path / "holiday"))
    with pytest.raises(StoreError, match=r"no store at .*holiday .*not made by occlabel"):
        open_version(f"{tmp_path}/holiday@v1")


def test_a_file_of_a_store_is_told_as_its_version(store: str) -> None:
    with pytest.raises(StoreError, match=rf"is a file in a store; the version in it is {store}@v1"):
        open_version(f"{store}/versions/v1.parquet")


def test_a_run_makes_no_store_of_a_text_that_was_meant_otherwise(store: str, tmp_path: Path) -> None:
    assert store_to_fill(store).location == store
    assert store_to_fill(str(tmp_path / "me@work/new")).location.endswith("me@work/new")
    with pytest.raises(StoreError, match="named by an empty text"):
        store_to_fill("")
    with pytest.raises(StoreError, match="a URL has two slashes, s3://labels/a"):
        store_to_fill("s3:/labels/a")
    with pytest.raises(StoreError, match="give new as the store and v1 as the version"):
        store_to_fill("new@v1")
    assert not Path("new@v1").exists()


@pytest.mark.parametrize("name", ["latest", "../v", "a b", "", "v" * 300, "v@1", "-v", "ü"])
def test_names_that_no_version_can_have(name: str) -> None:
    with pytest.raises(StoreError, match="version"):
        version_name(name)
