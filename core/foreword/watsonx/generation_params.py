"""Conversion of the dict of generation parameters into arguments of the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any, Final, cast

from foreword.client import GenerateKeywords, LengthPenalty, ReturnOptions
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError
from foreword.watsonx.metanames import GenTextParamsMetaNames as Names
from foreword.watsonx.metanames import GenTextReturnOptMetaNames as ReturnNames

DEFAULT_MAX_NEW_TOKENS: Final = 20
"""The retired service's default for the maximum number of new tokens; Foreword's own default is larger."""

_RETURN_OPTIONS: Final = {
    ReturnNames.INPUT_TEXT: "input_text",
    ReturnNames.INPUT_TOKENS: "input_tokens",
    ReturnNames.GENERATED_TOKENS: "generated_tokens",
    ReturnNames.TOKEN_LOGPROBS: "token_log_probabilities",
    ReturnNames.TOKEN_RANKS: "token_ranks",
    ReturnNames.TOP_N_TOKENS: "top_n_tokens",
}
_LENGTH_PENALTY: Final = {"decay_factor": "decay_factor", "start_index": "start_index"}


class GenerationArguments(GenerateKeywords, total=False):
    """Arguments of `Client.generate` and `Client.stream_generate`."""

    prompt_variables: Mapping[str, str]


_KNOWN: Final = frozenset(GenerationArguments.__annotations__)


def generation_arguments(params: Mapping[str, Any] | None) -> GenerationArguments:
    """Return the parameters as arguments of the client; None means unset, and enums are replaced by their values.

    Raises:
        InvalidArgumentError: Parameters or their parts are unknown or have a wrong type. The error names all of them.
    """
    given = {str(name): value for name, value in (params or {}).items() if value is not None}
    values = {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}
    violations = Violations()
    for name in sorted(set(values) - _KNOWN):
        violations.add(f"params.{name}", f"is not a generation parameter; use one of {', '.join(sorted(_KNOWN))}")
    conversions: dict[str, Callable[[str, Any], Any]] = {
        Names.LENGTH_PENALTY: lambda field, value: LengthPenalty(**_parts(field, value, _LENGTH_PENALTY)),
        Names.RETURN_OPTIONS: lambda field, value: ReturnOptions(**_parts(field, value, _RETURN_OPTIONS)),
        Names.TIME_LIMIT: _milliseconds,
    }
    for name, convert in conversions.items():
        if name in values:
            try:
                values[name] = violations.collect(partial(convert, f"params.{name}", values[name]))
            except TypeError:  # the only part without a default is missing
                violations.add(f"params.{name}", "must contain decay_factor")
    violations.check(reason="PARAMETERS_UNSUPPORTED")
    least = values.get(Names.MIN_NEW_TOKENS)
    values.setdefault(Names.MAX_NEW_TOKENS, max(DEFAULT_MAX_NEW_TOKENS, least if isinstance(least, int) else 0))
    if values.get(Names.STOP_SEQUENCES):
        # By default, answers of the retired service, unlike Foreword's, keep the stop sequence that ended them.
        values.setdefault(Names.INCLUDE_STOP_SEQUENCE, True)
    return cast("GenerationArguments", values)  # the names were checked above, the values are the client's to check


def _parts(field: str, value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the parts of a parameter by the client's names; None means unset."""
    if not isinstance(value, Mapping):
        raise InvalidArgumentError.of(field, f"must be a dict of {', '.join(names)}, not a {type(value).__name__}")
    given = {str(name): part for name, part in value.items() if part is not None}
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InvalidArgumentError.of(f"{field}.{unknown[0]}", f"is unknown; use one of {', '.join(names)}")
    return {names[name]: part for name, part in given.items()}


def _milliseconds(field: str, value: Any) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgumentError.of(field, f"must be a number of milliseconds, not a {type(value).__name__}")
    return timedelta(milliseconds=value)
