"""The reference of settings is generated from the settings themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from foreword.config import Settings

ROOT = Path(__file__).parents[2]


def test_the_checked_in_reference_is_what_the_settings_generate(tmp_path: Path) -> None:
    fresh = tmp_path / "settings.md"
    subprocess.run([sys.executable, ROOT / "deploy" / "settings.py", fresh], check=True)

    assert fresh.read_text() == (ROOT / "deploy" / "settings.md").read_text(), "run: make settings"


def test_the_reference_lists_every_setting_with_its_description() -> None:
    reference = (ROOT / "deploy" / "settings.md").read_text()

    missing = [
        name
        for name, field in Settings.model_fields.items()
        if f"| `FOREWORD_{name.upper()}` | {field.description} |" not in reference
    ]
    assert missing == []
