"""The examples in `core/examples` run as their first lines describe."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from factories.services import sample_rows
from foreword.cli.demo.service import LocalService
from foreword.samples import sample_path

EXAMPLES = Path(__file__).parents[2] / "core" / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the sample complaints, as `foreword data sample` writes them."""
    path = tmp_path_factory.mktemp("examples")
    shutil.copy(sample_path("complaints"), path)
    return path


def run(service: LocalService, folder: Path, *arguments: str) -> str:
    """Run an example in `folder` and return its output."""
    environment = {**os.environ, "FOREWORD_ENDPOINT": service.endpoint, "FOREWORD_API_KEY": "dev"}
    command = [sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def quickstart(service: LocalService, folder: Path) -> str:
    """The output of the quickstart, whose deployment the other examples use."""
    return run(service, folder, "quickstart.py", "complaints.jsonl")


def test_the_quickstart_tunes_draws_its_curve_deploys_and_answers(quickstart: str, folder: Path) -> None:
    lines = quickstart.splitlines()

    assert any("updates, about" in line for line in lines)
    assert any(line.startswith("tuned {") for line in lines)
    assert (folder / "curve.png").stat().st_size > 10_000
    assert lines[-1].startswith("(")


@pytest.mark.usefixtures("quickstart")
def test_a_tuned_prompt_finds_more_rules_than_the_search_by_words(service: LocalService, folder: Path) -> None:
    by_words, with_prompt = run(service, folder, "retrieval.py", "--evaluate").splitlines()
    (rule, *others) = run(service, folder, "retrieval.py", "There was no charger in the box.").splitlines()

    found = [[int(number) for number in re.findall(r"(\d+) of 48", line)] for line in (by_words, with_prompt)]
    assert found[1][0] > found[0][0]
    assert found[1][1] > 1.5 * found[0][1]
    assert rule.startswith("Warehouse and Packaging: Missing parts.")
    assert len(others) == 2


@pytest.mark.usefixtures("quickstart")
def test_concurrent_requests_are_answered_in_order_and_one_is_streamed(service: LocalService, folder: Path) -> None:
    lines = run(service, folder, "concurrent_requests.py").splitlines()

    assert len(lines) == 5
    assert lines[0].endswith("Two screws are missing from the box.")
    assert lines[4]


@pytest.mark.usefixtures("quickstart")
def test_a_tuned_prompt_is_compared_with_its_base_on_new_rows(service: LocalService, folder: Path) -> None:
    text = run(service, folder, "evaluation.py")

    assert re.search(r"exact_match_lower +\d", text)
    assert re.search(r"base_three_shot_constrained +tuned +exact_match +-?\d", text)
    assert re.match(r"\d+ +\w", text.splitlines()[-1])


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    service: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "complaints.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in sample_rows(40)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("FOREWORD_ENDPOINT", service.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    names: dict[str, Any] = {}

    for number, source in enumerate(code_cells("learning_curves.ipynb"), start=1):
        exec(compile(source, f"cell {number}", "exec"), names)

    assert names["run"].snapshots
    assert len(names["figure"].axes) > 0
    assert names["evaluations"].index[0] == "tuned"
    assert len(names["evaluations"]) > 1
    assert list(names["comparison"].index) == ["Prompt tuning (1)", "IA3 (1)"]
    assert names["comparison"]["tuning_type"].tolist() == ["prompt_tuning", "ia3"]
    assert {finding.code for finding in names["compared"].findings} <= {"WITHIN_NOISE"}  # on the few held-out rows
    assert [text.get_text() for text in names["curves"].legends[0].get_texts()] == list(names["comparison"].index)


def code_cells(name: str) -> list[str]:
    """Return the code cells of a notebook, which stores no outputs."""
    notebook = json.loads((EXAMPLES / name).read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["nbformat"] == 4
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    return ["".join(cell["source"]) for cell in cells]


def test_every_example_is_listed() -> None:
    guide = (EXAMPLES / "README.md").read_text()
    examples = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "__pycache__"}

    assert [name for name in sorted(examples) if f"]({name})" not in guide] == []
