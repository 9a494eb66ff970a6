"""Names of models: those of the service, and OpenAI's form for the results of fine-tuning jobs.

A fine-tuned model is called `ft:BASE:TENANT:SUFFIX:ID`. The name says where the service has the model, so it needs no
table, no deployment and no look-up, and is valid as long as the model exists. The service checks that it belongs to the
caller's tenant.
"""

from __future__ import annotations

import re

from foreword.client import TunedModel
from foreword.names import BaseModelName, TunedModelName

SUFFIX_TAG = "openai.suffix"
"""Tag of experiments and tuned models with the suffix that a job was given."""

SUFFIX = re.compile(r"[A-Za-z0-9_.-]{1,63}")
"""Form of a suffix. The tag may be changed to any text, and one of another form is left out of names."""

_PART = r"[A-Za-z0-9_.-]{1,128}"
_FINE_TUNED = re.compile(rf"ft:({_PART}):({_PART}):((?:{_PART})?):({_PART})")


def service_name(model: str) -> str:
    """Return the service's name of a model that a request names."""
    found = _FINE_TUNED.fullmatch(model)
    return model if found is None else str(TunedModelName(found[2], found[4]))


def base_model_of(model: str) -> str:
    """Return the base model in the name of a fine-tuned model; empty for other names."""
    found = _FINE_TUNED.fullmatch(model)
    return "" if found is None else found[1]


def fine_tuned_name(base_model: str, tuned_model: str, suffix: str) -> str:
    """Return OpenAI's form of the name of a tuned model.

    Args:
        base_model: Resource name of the base model.
        tuned_model: Resource name of the tuned model.
        suffix: The suffix in its tag; empty for none.
    """
    name = TunedModelName.parse(tuned_model)
    shown = suffix if SUFFIX.fullmatch(suffix) else ""
    return f"ft:{BaseModelName.parse(base_model).model}:{name.tenant}:{shown}:{name.tuned_model}"


def name_of(model: TunedModel) -> str:
    """Return OpenAI's form of the name of a tuned model."""
    return fine_tuned_name(model.base_model, model.name, model.tags.get(SUFFIX_TAG, ""))
