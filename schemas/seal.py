"""Sealed JSON: an object with a digest of itself, so that a flipped bit is noticed and not believed."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

_SEAL = "seal"


def sealed(model: BaseModel) -> bytes:
    """The model as JSON, with its seal."""
    facts = model.model_dump(mode="json")
    return json.dumps({**facts, _SEAL: _digest(facts)}, indent=1).encode()


def unsealed(kind: type[M], content: bytes) -> M | None:
    """What ``sealed`` wrote; None for anything else: cut, altered, or written without a seal."""
    try:
        facts = json.loads(content)
        if not isinstance(facts, dict) or facts.pop(_SEAL, None) != _digest(facts):
            return None
        return kind.model_validate(facts, strict=False)
    except (ValueError, RecursionError, ValidationError):
        return None


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
