"""Parameters that several methods share."""

from __future__ import annotations

from typing import Final

from foreword.domain.parameters import ParameterSpec

TOKEN_DROPOUT: Final = ParameterSpec(
    name="token_dropout",
    description="Share of an input's tokens that training drops at random each time, so that the run does not "
    "memorise the rows.",
    type="float",
    minimum=0.0,
    maximum=0.9,
    default=0.0,
)
AVERAGING: Final = ParameterSpec(
    name="averaging",
    description="Weight of the past in a running average of the trained values, which is used instead of the last "
    "values; 0 turns averaging off.",
    type="float",
    minimum=0.0,
    maximum=0.9999,
    default=0.0,
)
