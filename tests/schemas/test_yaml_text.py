"""YAML that a user wrote, and what is none."""

from pathlib import Path

import pytest

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.yaml_text import MOST_BYTES, parse_yaml, read_yaml


def bomb(levels: int) -> str:
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\n\tb: 2", r"line 2, column 1: found character '\\t'.*indent with blanks"),
        (b"PK\x03\x04\xff\xfe", r"not text in UTF-8 \(byte 4\)"),
        (b"a: \x00", "special characters"),
        (b"a: 1\nb: 2\na: 3", r"line 3: 'a' stands there a second time \(before in line 1\)"),
        (b"a:\n  b: 1\n  b: 1", r"line 3: 'b' stands there a second time"),
        (b"a: [1, 2", "line 1, column 9"),
        (b"[" * 5000, "nested too deeply"),
        (b"a: &a [*a]", "nested more than"),
        (bomb(9).encode(), "stands for more than 100,000 values"),
        (b"a: 2020-13-45", "month must be in 1..12"),
        (b"a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (b"a: 1\n---\nb: 2", "another document"),
        (b"#" * (MOST_BYTES + 1), "larger than 1 MiB"),
    ],
)
def test_what_is_no_yaml_is_one_sentence(content: bytes, said: str) -> None:
    with pytest.raises(BadRecipe, match=f"recipe x .*{said}") as raised:
        parse_yaml(content, "recipe x")
    assert "\n" not in str(raised.value)


def test_what_editors_leave_is_read() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: [x]\r\n", "r") == {"a": 1, "b": ["x"]}
    assert parse_yaml("base: &b {a: 1, c: 2}\nown:\n  <<: *b\n  a: 3", "r")["own"] == {"a": 3, "c": 2}
    assert parse_yaml("", "r") is None


def test_a_folder_or_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"--map .* is a folder"):
        read_yaml(tmp_path, "--map m")
    with pytest.raises(BadRecipe, match="--map m cannot be read: No such file"):
        read_yaml(tmp_path / "m", "--map m")
