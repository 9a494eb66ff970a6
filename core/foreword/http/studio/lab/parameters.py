"""The parameters of the lab's form, drawn from what the service lists, and their values for the client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from foreword.client import ParameterSpec
from foreword.http.studio.forms import Form
from foreword.http.studio.lab.faults import Faults

_BY_ANSWERS: Final = "return_options."
"""Beginning of the parameters that the lab sets itself, for what it shows."""

CLASSIFY_SPECS: Final = (
    ParameterSpec(
        name="threshold",
        type="float",
        minimum=0,
        maximum=1,
        description="Classifiers give no answer if no label set reaches this probability.",
    ),
    ParameterSpec(
        name="min_precision",
        type="float",
        minimum=0,
        exclusive_minimum=True,
        maximum=0.98,
        description="Classifiers give no answer where they are not estimated to be right at least this often.",
    ),
)
"""Parameters of `Classify`, which the service does not list."""

Values = Mapping[str, Any]


def shown_specs(specs: Iterable[ParameterSpec]) -> list[ParameterSpec]:
    """Return the parameters that the form has: those of a generation, then those of classifiers."""
    return [*(spec for spec in specs if not spec.name.startswith(_BY_ANSWERS)), *CLASSIFY_SPECS]


def typed_values(form: Form, specs: Iterable[ParameterSpec]) -> dict[str, str]:
    """Return what was typed for each parameter; those that were left empty are missing."""
    return {spec.name: form[spec.name] for spec in specs if form.get(spec.name, "").strip()}


def parse_values(typed: Mapping[str, str], specs: Iterable[ParameterSpec], faults: Faults) -> dict[str, Any]:
    """Return the values of all parameters that are set."""
    found: dict[str, Any] = {}
    for spec in specs:
        text = typed.get(spec.name, "")
        if not text.strip():
            continue
        value = _parsed(text, spec)
        fault = spec.fault(value)
        if fault is None:
            found[spec.name] = value
        else:
            faults.add(spec.name, f"{fault[:1].upper()}{fault[1:]}.")
    if "length_penalty.start_index" in found and "length_penalty.decay_factor" not in found:
        faults.add("length_penalty.decay_factor", "Must be set too, or leave length_penalty.start_index empty.")
    return found


def generate_values(values: Values) -> dict[str, Any]:
    """Return the values for `generate`: those that `Classify` alone has are left out."""
    return {name: value for name, value in values.items() if not _of_classify(name)}


def classify_keywords(values: Values) -> dict[str, Any]:
    """Return the arguments of `classify` for values by their names."""
    return {name: values[name] for name in ("threshold", "min_precision", "truncate_input_tokens") if name in values}


def default_text(spec: ParameterSpec) -> str:
    """Return the default of a parameter as it would be typed; empty if it has none."""
    if spec.default is None or (isinstance(spec.default, Sequence) and not isinstance(spec.default, str)):
        return ""
    if isinstance(spec.default, bool):
        return "yes" if spec.default else "no"
    return f"{spec.default:.10g}" if isinstance(spec.default, (int, float)) else str(spec.default)


def _of_classify(name: str) -> bool:
    return any(spec.name == name for spec in CLASSIFY_SPECS)


def _parsed(text: str, spec: ParameterSpec) -> Any:
    """Return a typed value in the type of a parameter, or the text if it has none."""
    plain = text.strip()
    try:
        match spec.type:
            case "int":
                return int(plain) if len(plain) < 30 else plain
            case "float":
                return float(plain)
            case "bool":
                return {"yes": True, "no": False}.get(plain, plain)
            case "string_list":
                return [line for line in text.split("\n") if line]
    except ValueError:
        pass
    return plain
