"""The command that creates the experiment of a form."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from foreword.client import ParameterSpec, TuneExperiment
from foreword.http.studio.formats import short_name
from foreword.http.studio.pages.experiment_draft import (
    DEFAULT_METHOD,
    EXTRA_OPTIONS,
    METHOD_PARAMETERS,
    OPTIONS,
    PARAMETERS,
    Draft,
)

_TEXTS: Final = {
    "dataset": "--dataset",
    "display_name": "--name",
    "validation_dataset": "--validation",
    "base_model": "--base-model",
    "task": "--task",
    "tuning_type": "--tuning-type",
    "instruction": "--instruction",
    "verbalizer": "--verbalizer",
}
_SWITCHES: Final = {"evaluate_base": ("--evaluate-base", "--no-evaluate-base")}


def command(draft: Draft, specs: Mapping[str, ParameterSpec], experiment: TuneExperiment | None) -> str:
    """Return the command line that asks for what a form does; empty if the form would be refused."""
    if experiment is None:
        return ""
    parts: list[list[str]] = []
    for name, option in _TEXTS.items():
        text = draft.text(name)
        if text and not (name == "tuning_type" and text == DEFAULT_METHOD):
            parts.append([option, short_name(text) if name == "base_model" else text])
    if draft.text("evaluate_base") == "false":
        parts.append([_SWITCHES["evaluate_base"][1]])
    parts += [["--tag", f"{key}={value}"] for key, value in experiment.tags.items()]
    for name, spec in specs.items():
        if text := draft.text(name):
            parts.append(_option(name, spec, text))
    return " \\\n  ".join(["foreword tune", *(" ".join(shlex.quote(word) for word in part) for part in parts)])


def _option(name: str, spec: ParameterSpec, text: str) -> list[str]:
    if name.startswith((METHOD_PARAMETERS, EXTRA_OPTIONS)):
        return ["--option", f"{spec.name}={text}"]
    option = spec.name.replace("_", "-")
    if name.startswith(OPTIONS) and spec.name == "multi_label":
        return ["--multi-label" if text == "true" else "--single-label"]
    if spec.type == "string_list":
        return [f"--{option}", ",".join(line.strip() for line in text.splitlines() if line.strip())]
    if spec.type == "bool":
        return [f"--{option}" if text == "true" else f"--no-{option}"]
    assert name.startswith((PARAMETERS, OPTIONS))
    return [f"--{option}", text]
