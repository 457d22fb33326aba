import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.version import VersionFrame, content_digest


def frame(name: str, digest: str, slot: str = "voting", fingerprint: str = "f", log: str = "00") -> VersionFrame:
    return VersionFrame(
        log=log, index=int(name), name=name, slot=slot, fingerprint=fingerprint, digests={"semantics": digest}
    )


def test_content_digest_is_of_the_voxels_alone() -> None:
    first = [frame("1", "a"), frame("2", "b")]
    elsewhere = [frame("2", "b", fingerprint="g"), frame("1", "a", slot="completion")]
    assert content_digest(first) == content_digest(elsewhere)


def test_content_digest_changes_with_a_voxel_a_name_and_a_log() -> None:
    digest = content_digest([frame("1", "a")])
    assert len({digest, content_digest([frame("1", "c")]), content_digest([frame("2", "a")])}) == 3
    assert digest != content_digest([frame("1", "a", log="01")])


def test_a_frame_twice_is_refused() -> None:
    with pytest.raises(OcclabelError, match="twice"):
        content_digest([frame("1", "a"), frame("1", "b")])
