"""Encoding of the parameters that a sweep tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import struct_pb2

from foreword.client.message import build, collected
from foreword.domain.sweep import SweptRange
from foreword.errors import InvalidArgumentError
from foreword.v1 import tune_sweep_pb2

Swept = Sequence[Any] | SweptRange
"""Values of a parameter, or a range from which a random search draws numbers."""


def swept_parameters(swept: Mapping[str, Swept]) -> list[tune_sweep_pb2.SweptParameter]:
    """Encode swept parameters.

    Raises:
        InvalidArgumentError: A value cannot be sent. The error names the parameter.
    """
    return [_swept_parameter(name, value) for name, value in swept.items()]


def _swept_parameter(name: str, value: Swept) -> tune_sweep_pb2.SweptParameter:
    within = f"swept.{name}"
    if isinstance(value, SweptRange):
        limits = build(
            tune_sweep_pb2.SweptRange,
            within,
            minimum=value.minimum,
            maximum=value.maximum,
            logarithmic=value.logarithmic,
        )
        return build(tune_sweep_pb2.SweptParameter, within, name=name, range=limits)
    message = build(tune_sweep_pb2.SweptParameter, within, name=name)
    for place, item in enumerate(collected(within, value)):
        holder = struct_pb2.Struct()
        try:
            holder.update({"value": item})
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidArgumentError.of(
                f"{within}[{place}]", f"must be text, a number, True, False, a list or a mapping: {error}"
            ) from None
        message.values.append(holder.fields["value"])
    return message
