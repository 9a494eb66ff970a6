"""Ids as the SDK writes them, and the resource names that they stand for."""

from __future__ import annotations


def resource_id(name: str) -> str:
    """The last part of a resource name."""
    return name.rsplit("/", 1)[-1]


def base_model_name(model_id: str) -> str:
    """`google/flan-t5-xl` as a resource name."""
    return f"baseModels/{model_id.removeprefix('baseModels/').replace('/', '--')}"


def model_id(name: str) -> str:
    """The id of a base model with its `/`, or of a tuned model."""
    return resource_id(name).replace("--", "/", 1) if name.startswith("baseModels/") else resource_id(name)
