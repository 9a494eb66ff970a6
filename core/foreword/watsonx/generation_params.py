"""The dict of generation parameters, checked: what the service cannot do yet is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, cast

from foreword.client import GenerateKeywords
from foreword.errors import FieldViolation, InvalidArgumentError
from foreword.watsonx.metanames import GenTextParamsMetaNames as Names

DEFAULT_MAX_NEW_TOKENS: Final = 20
"""What the retired service generates at most when nothing is said; Foreword's own default is larger."""

_LATER: Final = frozenset(
    {
        Names.LENGTH_PENALTY,
        Names.REPETITION_PENALTY,
        Names.TIME_LIMIT,
        Names.TRUNCATE_INPUT_TOKENS,
        Names.RETURN_OPTIONS,
        Names.PROMPT_VARIABLES,
    }
)
_KNOWN: Final = frozenset(GenerateKeywords.__annotations__) - _LATER


def generation_arguments(params: Mapping[str, Any] | None) -> GenerateKeywords:
    """The parameters as the client takes them; None means unset, and enums stand for their values.

    Raises:
        InvalidArgumentError: A parameter is unknown or not supported yet; names every one.
    """
    given = {str(name): value for name, value in (params or {}).items() if value is not None}
    violations = [
        FieldViolation(field=f"params.{name}", description=_refusal(name)) for name in sorted(set(given) - _KNOWN)
    ]
    if violations:
        raise InvalidArgumentError(violations, reason="PARAMETERS_UNSUPPORTED")
    values = {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}
    values.setdefault(Names.MAX_NEW_TOKENS, max(DEFAULT_MAX_NEW_TOKENS, values.get(Names.MIN_NEW_TOKENS, 0)))
    if values.get(Names.STOP_SEQUENCES):
        # There, unlike here, an answer keeps the stop sequence that ended it unless told otherwise.
        values.setdefault(Names.INCLUDE_STOP_SEQUENCE, True)
    return cast("GenerateKeywords", values)  # the names were checked above, the values are the client's to check


def _refusal(name: str) -> str:
    if name in _LATER:
        return "is not supported by the service yet; leave it out"
    return f"is no generation parameter; known are {', '.join(sorted(_KNOWN))}"
