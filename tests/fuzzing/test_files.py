"""A share of the mutations of ``scripts/fuzz.py``, which says how they are judged and does more of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/fuzz.py"


@pytest.mark.slow
def test_no_mutated_file_of_any_type_is_a_fault(tmp_path: Path) -> None:
    """In a process of its own: the cases are forked, and nobody here must hold threads then."""
    command = [sys.executable, str(SCRIPT), "--cases", "60", "--seed", "16"]
    there = {**os.environ, "TMPDIR": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, env=there, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
