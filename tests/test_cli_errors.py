"""Every command of the package ends a mistake with one line, whichever entry it was started by."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("sfx.cli", ("verify", "absent")),
        ("sfx.benchmarks.interpretation", ("absent",)),
        ("sfx.export.demo", ("finish", "--run", "absent", "--data", "absent", "--out", "demo.pt")),
        ("sfx.export.interpreter", ("finish", "--run", "absent", "--out", "bundle")),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    module: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: absent: expected")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
