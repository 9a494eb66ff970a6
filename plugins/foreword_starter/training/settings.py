"""What a run is told, read from a TOML file."""

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
    """Peak learning rates; 0 leaves a part as it is."""

    embeddings: float
    encoder: float
    decoder: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Of texts.

    Attributes:
        vocabulary_size: Of a new tokenizer.
        space_texts: Of each source, whose vectors the encoder learns and tasks about directions of meaning are made of.
        space_feedback: Made-up texts beside these; see `feedback`.
        batch_texts: Of a batch of these.
        instruction_tokens: Longest input of an instruction in text.
        seed: Of everything that is drawn.
    """

    vocabulary_size: int = 16_000
    space_texts: int
    space_feedback: int
    batch_texts: int
    instruction_tokens: int = 160
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """A whole run; each part is a table of the file."""

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
    """Reads a file.

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
        raise ValueError(f"{file}: no table is called {', '.join(unknown)}; there are {', '.join(types)}")
    return TrainingSettings(**{name: _section(file, name, kind, tables.get(name, {})) for name, kind in types.items()})


def _section(file: Path, name: str, kind: type[_Section], values: Mapping[str, Any]) -> _Section:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # each is a dataclass
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{file}: [{name}] knows no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**frozen)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: [{name}] {error}") from None
