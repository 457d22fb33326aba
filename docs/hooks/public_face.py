"""The public face in the API page: a mkdocs hook.

``<!-- public face -->`` in a page becomes a block for mkdocstrings for every name in ``occlabel.__all__``, so that a
name that is added is documented. One that says nothing of itself fails the build.
"""

from __future__ import annotations

from inspect import getdoc
from typing import Any

from mkdocs.exceptions import PluginError

import occlabel

MARKER = "<!-- public face -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    if MARKER not in markdown:
        return markdown
    return markdown.replace(MARKER, "\n\n".join(f"::: {_path(name)}" for name in occlabel.__all__))


def _path(name: str) -> str:
    """Where the thing is defined. Raises PluginError when it has no docstring."""
    thing = getattr(occlabel, name)
    if not getdoc(thing):
        raise PluginError(f"occlabel.{name} has no docstring: say what it is")
    return f"{thing.__module__}.{name}"
