"""Conversion between the ids of the SDK and resource names."""

from __future__ import annotations


def resource_id(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rsplit("/", 1)[-1]


def base_model_name(model_id: str) -> str:
    """Return the resource name of a base model with an id such as `google/flan-t5-xl`."""
    return f"baseModels/{model_id.removeprefix('baseModels/').replace('/', '--')}"


def model_id(name: str) -> str:
    """Return the id of a tuned model, or the id of a base model with its `/`."""
    return resource_id(name).replace("--", "/", 1) if name.startswith("baseModels/") else resource_id(name)
