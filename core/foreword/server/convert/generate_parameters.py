"""Parsing of generation parameters, and their adjustment to the context of a model."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from foreword.domain.generate_parameters import SPECS_BY_PATH
from foreword.domain.inference import GenerateParameters, LengthPenalty, ReturnOptions
from foreword.domain.violations import Violations
from foreword.v1 import inference_pb2

MAX_STOP_SEQUENCES = 6
MAX_STOP_SEQUENCE = 40

_FIELD = "parameters"
_SEEDS = 2**32
_Method = inference_pb2.GenerateParameters.DecodingMethod


def parse_generate_parameters(
    violations: Violations, message: inference_pb2.GenerateParameters, field: str = _FIELD
) -> GenerateParameters:
    """Parse parameters, with the checks that need no model. If sampling has no seed, draw one.

    Args:
        field: Path of the parameters in the request, for faults.
    """
    defaults = GenerateParameters()
    if message.decoding_method not in _Method.values():
        violations.add(f"{field}.decoding_method", f"must be one of {', '.join(_Method.keys()[1:])}")
    sample = message.decoding_method == _Method.Value("DECODING_METHOD_SAMPLE")
    temperature = message.temperature if message.HasField("temperature") else defaults.temperature
    top_p = message.top_p if message.HasField("top_p") else defaults.top_p
    max_new = message.max_new_tokens if message.HasField("max_new_tokens") else defaults.max_new_tokens
    penalty = message.repetition_penalty if message.HasField("repetition_penalty") else defaults.repetition_penalty
    for name, value in (
        ("temperature", temperature),
        ("top_p", top_p),
        ("top_k", message.top_k),
        ("random_seed", message.random_seed),
        ("max_new_tokens", max_new),
        ("repetition_penalty", penalty),
        ("truncate_input_tokens", message.truncate_input_tokens),
    ):
        _check(violations, field, name, value)
    violations.number(f"{field}.min_new_tokens", message.min_new_tokens, minimum=0, maximum=max(max_new, 0))
    _check_stop_sequences(violations, f"{field}.stop_sequences", message.stop_sequences)
    drawn = secrets.randbelow(_SEEDS) if sample else 0
    return GenerateParameters(
        sample=sample,
        temperature=temperature,
        top_p=top_p,
        top_k=message.top_k,
        seed=message.random_seed if message.HasField("random_seed") else drawn,
        min_new_tokens=message.min_new_tokens,
        max_new_tokens=max_new,
        stop_sequences=tuple(message.stop_sequences),
        include_stop_sequence=message.include_stop_sequence,
        repetition_penalty=penalty,
        length_penalty=_parse_length_penalty(violations, field, message),
        time_limit=_parse_time_limit(violations, field, message),
        truncate_input_tokens=message.truncate_input_tokens,
        return_options=_parse_return_options(violations, field, message.return_options),
    )


def fitted(
    parameters: GenerateParameters, context_tokens: int, *, limit_is_default: bool, field: str = _FIELD
) -> GenerateParameters:
    """Return the parameters for a model with this context, which limits the default of `max_new_tokens`.

    Args:
        limit_is_default: Whether `max_new_tokens` was left unset.
        field: Path of the parameters in the request, for faults.

    Raises:
        InvalidArgumentError: A value that was set exceeds the context.
    """
    limits = {
        "min_new_tokens": (0, parameters.min_new_tokens),
        "max_new_tokens": (1, 1 if limit_is_default else parameters.max_new_tokens),
        "truncate_input_tokens": (0, parameters.truncate_input_tokens),
        "length_penalty.start_index": (0, parameters.length_penalty.start_index if parameters.length_penalty else 0),
    }
    violations = Violations()
    for name, (low, value) in limits.items():
        if value > context_tokens:
            violations.add(f"{field}.{name}", f"must be in [{low}, {context_tokens}], the model's context, not {value}")
    violations.check()
    return replace(parameters, max_new_tokens=min(parameters.max_new_tokens, context_tokens))


def _parse_length_penalty(
    violations: Violations, field: str, message: inference_pb2.GenerateParameters
) -> LengthPenalty | None:
    if not message.HasField("length_penalty"):
        return None
    penalty = message.length_penalty
    _check(violations, field, "length_penalty.decay_factor", penalty.decay_factor)
    _check(violations, field, "length_penalty.start_index", penalty.start_index)
    return LengthPenalty(decay_factor=penalty.decay_factor, start_index=penalty.start_index)


def _parse_time_limit(
    violations: Violations, field: str, message: inference_pb2.GenerateParameters
) -> timedelta | None:
    if not message.HasField("time_limit"):
        return None
    limit = message.time_limit
    seconds = limit.seconds + limit.nanos / 1e9  # not ToTimedelta, which raises on values that clients can send
    return timedelta(seconds=seconds) if _check(violations, field, "time_limit", seconds) else None


def _parse_return_options(violations: Violations, field: str, message: inference_pb2.ReturnOptions) -> ReturnOptions:
    _check(violations, field, "return_options.top_n_tokens", message.top_n_tokens)
    options = ReturnOptions(
        input_text=message.input_text,
        input_tokens=message.input_tokens,
        generated_tokens=message.generated_tokens,
        token_log_probabilities=message.token_log_probabilities,
        token_ranks=message.token_ranks,
        top_n_tokens=message.top_n_tokens,
    )
    if options.details and not (options.input_tokens or options.generated_tokens):
        violations.add(
            f"{field}.return_options",
            "requests details of tokens but no tokens; set input_tokens or generated_tokens",
        )
    return options


def _check(violations: Violations, field: str, path: str, value: float) -> bool:
    """Return whether a value is valid according to its specification; otherwise, add the fault to `violations`."""
    fault = SPECS_BY_PATH[path].fault(value)
    if fault is not None:
        violations.add(f"{field}.{path}", fault)
    return fault is None


def _check_stop_sequences(violations: Violations, field: str, sequences: Sequence[str]) -> None:
    if len(sequences) > MAX_STOP_SEQUENCES:
        violations.add(field, f"must hold at most {MAX_STOP_SEQUENCES}, not {len(sequences)}")
    for place, sequence in enumerate(sequences[:MAX_STOP_SEQUENCES]):
        if not sequence:
            violations.add(f"{field}[{place}]", "must not be empty")
        violations.text(f"{field}[{place}]", sequence, MAX_STOP_SEQUENCE)
