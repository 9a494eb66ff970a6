"""The folders of unit tests mirror the packages by name."""

from __future__ import annotations

from pathlib import Path

import pytest

UNIT = Path(__file__).parent
ROOT = UNIT.parents[1]
PACKAGES = (ROOT / "core" / "foreword", ROOT / "plugins", ROOT / "bots")
FOLDERS = sorted({path.parent.relative_to(UNIT) for path in UNIT.rglob("test_*.py")} - {Path()})


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_folder_is_called_like_the_package_that_it_tests(folder: Path):
    assert any((package / folder / "__init__.py").is_file() for package in PACKAGES)
