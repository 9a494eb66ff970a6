"""`foreword demo` runs through all chapters without input."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from factories.waiting import wait_until


@pytest.mark.timeout(900)
def test_the_demo_shows_the_whole_product(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foreword", "demo", "--epochs", "1", "--two-versions"]

    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)

    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    for chapter in range(1, 9):
        assert f"\n{chapter}. " in result.stdout
    shown = " ".join(result.stdout.split())
    assert shown.count("8 rows have only the label 'Warehouse'") == 2, "at the check, and beside the answers"
    assert re.search(r"The answers of the two prompts differ for \d+ of \d+ complaints", shown)
    assert "median of 20" in result.stdout
    assert "open the link to the studio" in result.stdout.splitlines()[-1]
    assert (tmp_path / "foreword-demo" / "learning-curve.png").stat().st_size > 10_000
    assert (tmp_path / "foreword-demo" / "adapter" / "adapter_config.json").exists()
    assert "Traceback" not in result.stderr


@pytest.mark.timeout(900)
def test_the_demo_in_slack_goes_from_the_first_complaint_to_the_comparison_of_models(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foreword", "demo", "--slack", "--epochs", "1"]

    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)

    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    shown = " ".join(result.stdout.split())
    assert "bob and carol have judged all 16." in shown
    assert re.search(r"1[2-6] new corrections", shown), "the proposal comes with the twelfth or a later one"
    assert "new model: " in shown, result.stdout[-6000:]
    assert "On 24 complaints that neither model was trained on" in shown
    assert "Complaints today" in shown
    assert "Posts that would have notified a whole channel: 0." in shown
    assert "Traceback" not in result.stderr


@pytest.mark.timeout(300)
def test_a_demo_that_is_terminated_leaves_no_folder_and_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foreword", "demo", "--epochs", "1"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}

    demo = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    with demo:
        demo.stdout.readline()
        (home,) = tmp_path.glob("foreword-demo-*")
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()

    assert demo.returncode == 143
    assert not home.exists()
    wait_until(lambda: not [path for path in Path("/proc").glob("[0-9]*/environ") if _names(path, home)])


def _names(environment: Path, home: Path) -> bool:
    try:
        return str(home).encode() in environment.read_bytes()
    except OSError:  # of a process that has ended, or of another user
        return False
