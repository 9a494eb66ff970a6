"""Factors in PEFT's format: one tensor named `ia3_l` for each projection.

Shapes: W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import torch

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.domain.site import Site, SiteKind
from foreword.errors import ArtifactError
from foreword.plugin.interfaces import Artifact
from foreword.plugin.scaling import factors_by_module

if TYPE_CHECKING:
    from torch import Tensor

KIND: Final = "ia3/1"

_TASK_TYPES: Final = {Architecture.ENCODER_DECODER: "SEQ_2_SEQ_LM", Architecture.CAUSAL: "CAUSAL_LM"}
_PREFIX: Final = "base_model.model."
_SUFFIX: Final = ".ia3_l"


def write_adapter(artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the tensors of an adapter with these factors."""
    scales_input = {site.module for site in spec.sites if site.kind is SiteKind.FEED_FORWARD}
    factors = factors_by_module(spec.sites, artifact.tensors)
    config = {
        "peft_type": "IA3",
        "task_type": _TASK_TYPES[spec.architecture],
        "base_model_name_or_path": spec.id.replace("--", "/"),
        "revision": None,
        "inference_mode": True,
        # Full paths, because a suffix such as c_proj would also match other projections.
        "target_modules": sorted(factors),
        "feedforward_modules": sorted(scales_input & set(factors)),
        "fan_in_fan_out": bool(artifact.config.get("fan_in_fan_out", False)),
        "modules_to_save": None,
        "init_ia3_weights": True,
    }
    tensors = {
        f"{_PREFIX}{module}{_SUFFIX}": _stored(scale_W, of_input=module in scales_input)
        for module, scale_W in factors.items()
    }
    return config, tensors


def read_adapter(config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
    """Read the factors of an adapter written by this service or PEFT.

    Raises:
        ArtifactError: The adapter has no factors, or they do not fit the base model; the message names the tensor.
    """
    _expect(config, "peft_type", "IA3")
    _expect(config, "task_type", _TASK_TYPES[spec.architecture])
    if not tensors:
        raise ArtifactError("The adapter contains no tensors. Tune it again.")
    scales: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module = name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        sites = [site for site in spec.sites if site.module == module]
        if not sites or name != f"{_PREFIX}{module}{_SUFFIX}":
            raise ArtifactError(
                f"The adapter contains {name[:200]!r}, which does not scale queries, keys, values or feed-forward "
                f"activations of the base model {spec.id}. Use the base model that it was tuned on, and PEFT's default "
                "target_modules."
            )
        factor_W = _factor(name, tensor, sites[0], spec)
        for site in sites:
            scale_W = factor_W[site.start : site.start + site.width]
            # A projection with several outputs has factors of 1 for those that are not scaled.
            if site.width == site.module_width or not bool((scale_W == 1).all()):
                scales[site.name] = scale_W.contiguous()
    return Artifact(
        kind=KIND,
        tensors=scales,
        context_tokens=0,
        config={"fan_in_fan_out": bool(config.get("fan_in_fan_out", False))},
    )


def _factor(name: str, tensor: Tensor, site: Site, spec: BaseModelSpec) -> Tensor:
    """Return the checked factors of a projection.

    In PEFT's format the shape determines whether they scale the projection's input or its output.

    Shape:
        Returns `[W]`.

    Raises:
        ArtifactError: The shape does not fit, or a value is not a finite number.
    """
    scales_input = site.kind is SiteKind.FEED_FORWARD
    expected = (1, site.module_width) if scales_input else (site.module_width, 1)
    if tuple(tensor.shape) != expected:
        raise ArtifactError(
            f"The adapter's {name} has shape {list(tensor.shape)}, but the base model {spec.id} requires "
            f"{list(expected)} to scale the {'input' if scales_input else 'output'} of the projection. Use the base "
            "model that it was tuned on, and PEFT's default feedforward_modules."
        )
    if not tensor.dtype.is_floating_point or not bool(torch.isfinite(tensor).all()):
        raise ArtifactError(f"The adapter's {name} contains values that are not finite numbers. Tune it again.")
    return tensor.detach().to("cpu", torch.float32).flatten()


def _stored(scale_W: Tensor, *, of_input: bool) -> Tensor:
    """Return the factors in PEFT's shape."""
    on_cpu = scale_W.detach().to("cpu", torch.float32)
    return (on_cpu[None] if of_input else on_cpu[:, None]).contiguous()


def _expect(config: Mapping[str, Any], name: str, expected: str) -> None:
    """Check a value of the configuration.

    Raises:
        ArtifactError: The value is a different one.
    """
    found = config.get(name)
    if found != expected:
        raise ArtifactError(f"The adapter's {name} is {found!r}, but must be {expected!r}. Choose a matching adapter.")
