"""The settings of a training run, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from foreword_starter.training.loop import LoopSettings
from foreword_starter.training.probe import ProbeSettings
from foreword_starter.training.prompt_pool import PoolSettings
from foreword_starter.training.steering import SteeringSettings

_Section = TypeVar("_Section")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Peak learning rates; 0 freezes a part."""

    embeddings: float
    encoder: float
    decoder: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Settings of the texts.

    Attributes:
        vocabulary_size: Vocabulary size of a new tokenizer.
        space_texts: Texts per source in the sentence space, which distillation and the `directions` tasks draw from.
        space_feedback: Generated texts added to the sentence space; see `feedback`.
        batch_texts: Texts in a batch of distillation.
        instruction_tokens: Maximum input tokens of an instruction in text.
        seed: Seed of all random choices.
    """

    vocabulary_size: int = 16_000
    space_texts: int
    space_feedback: int
    batch_texts: int
    instruction_tokens: int = 160
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """The settings of a whole run; each field is a table of the file."""

    data: DataSettings
    distillation: LoopSettings
    distillation_rates: Rates
    matching: LoopSettings
    matching_rates: Rates
    steering: LoopSettings
    steering_rates: Rates
    mixture: SteeringSettings
    pool: PoolSettings
    probe: ProbeSettings


def read_settings(file: Path) -> TrainingSettings:
    """Read a settings file.

    Raises:
        ValueError: A table or a value is missing or unknown; the message names it.
    """
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    types: Mapping[str, type[Any]] = {
        "data": DataSettings, "distillation": LoopSettings, "distillation_rates": Rates, "matching": LoopSettings,
        "matching_rates": Rates, "steering": LoopSettings, "steering_rates": Rates, "mixture": SteeringSettings,
        "pool": PoolSettings, "probe": ProbeSettings,
    }  # fmt: skip
    unknown = sorted(set(tables) - set(types))
    if unknown:
        raise ValueError(
            f"{file} has unknown tables: {', '.join(unknown)}. Remove them or use these: {', '.join(types)}."
        )
    return TrainingSettings(**{name: _section(file, name, kind, tables.get(name, {})) for name, kind in types.items()})


def _section(file: Path, name: str, kind: type[_Section], values: Mapping[str, Any]) -> _Section:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # each is a dataclass
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(
            f"{file}: [{name}] has unknown keys: {', '.join(unknown)}. "
            f"Remove them or use these: {', '.join(sorted(known))}."
        )
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**frozen)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: [{name}] {error}") from None
