"""YAML that a user wrote: read safely, bounded, and without what says one thing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from occlabel.schemas.errors import BadRecipe

MOST_BYTES = 1 << 20
_MOST_VALUES = 100_000
"""Values in a text once its aliases are written out: a page of them can stand for more than memory holds."""
_MOST_DEEP = 50


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: of two the last would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or not isinstance(key, yaml.ScalarNode):
                continue
            name, line = self.construct_object(key), key.start_mark.line + 1
            if name in seen:
                raise BadRecipe(f"line {line}: {name!r} stands there a second time (before in line {seen[name]})")
            seen[name] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str) -> Any:
    """The content of a file; ``what`` it is begins the sentence. Raises BadRecipe when it cannot be read or parsed."""
    try:
        if path.is_dir():
            raise BadRecipe(f"{what} is a folder, expected a YAML file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadRecipe(f"{what} cannot be read: {error.strerror or error}") from error
    return parse_yaml(content, what)


def parse_yaml(content: bytes | str, what: str) -> Any:
    """What ``content`` says. Raises BadRecipe with the line for what is no YAML, too large, too deep, or says twice."""
    if len(content) > MOST_BYTES:
        raise BadRecipe(f"{what} is larger than {MOST_BYTES >> 20} MiB: it is no YAML that somebody wrote")
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecipe(f"{what} is not text in UTF-8 (byte {error.start}), so it is no YAML file") from error
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _refuse_huge(node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except BadRecipe as error:
        raise BadRecipe(f"{what} cannot be used: {error}") from error
    except yaml.YAMLError as error:
        raise BadRecipe(f"{what} is not valid YAML: {_said(error)}") from error
    except RecursionError as error:
        raise BadRecipe(f"{what} is nested too deeply") from error
    except (ValueError, TypeError, OverflowError) as error:  # a date that is none, a number without digits
        raise BadRecipe(f"{what} is not valid YAML: {error}") from error


def _refuse_huge(node: yaml.Node | None) -> None:
    """Raises BadRecipe when the values that a node stands for are too many or nested without end."""
    sizes: dict[int, int] = {}

    def size(part: yaml.Node, above: tuple[int, ...]) -> int:
        if id(part) in sizes:
            return sizes[id(part)]
        if id(part) in above or len(above) > _MOST_DEEP:
            raise BadRecipe(f"line {part.start_mark.line + 1}: nested more than {_MOST_DEEP} times")
        inner = part.value if isinstance(part, yaml.CollectionNode) else []
        children = [child for entry in inner for child in (entry if isinstance(entry, tuple) else (entry,))]
        found = 1 + sum(size(child, (*above, id(part))) for child in children)
        if found > _MOST_VALUES:
            raise BadRecipe(f"line {part.start_mark.line + 1}: stands for more than {_MOST_VALUES:,} values")
        sizes[id(part)] = found
        return found

    if node is not None:
        size(node, ())


def _said(error: yaml.YAMLError) -> str:
    """One line of what the parser complains about."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:  # of characters that no text holds
        return " ".join(str(getattr(error, "reason", error)).split())
    hint = "; indent with blanks" if "\\t" in problem else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}{hint}"
