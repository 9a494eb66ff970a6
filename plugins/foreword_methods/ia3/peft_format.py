"""Factors as PEFT stores them: one tensor for each projection, which it calls `ia3_l`.

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
_BEFORE: Final = "base_model.model."
_BEHIND: Final = ".ia3_l"


def write_adapter(artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the tensors of factors."""
    takes = {site.module for site in spec.sites if site.kind is SiteKind.FEED_FORWARD}
    factors = factors_by_module(spec.sites, artifact.tensors)
    config = {
        "peft_type": "IA3",
        "task_type": _TASK_TYPES[spec.architecture],
        "base_model_name_or_path": spec.id.replace("--", "/"),
        "revision": None,
        "inference_mode": True,
        # Whole paths: an ending such as c_proj would match other projections as well.
        "target_modules": sorted(factors),
        "feedforward_modules": sorted(takes & set(factors)),
        "fan_in_fan_out": bool(artifact.config.get("fan_in_fan_out", False)),
        "modules_to_save": None,
        "init_ia3_weights": True,
    }
    tensors = {
        f"{_BEFORE}{module}{_BEHIND}": _stored(scale_W, takes=module in takes) for module, scale_W in factors.items()
    }
    return config, tensors


def read_adapter(config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
    """The factors in an adapter that this service or PEFT wrote.

    Raises:
        ArtifactError: It holds no factors, or not those of this base model; names what does not fit.
    """
    _expect(config, "peft_type", "IA3")
    _expect(config, "task_type", _TASK_TYPES[spec.architecture])
    if not tensors:
        raise ArtifactError("The adapter holds no tensors. Tune it again.")
    scales: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module = name.removeprefix(_BEFORE).removesuffix(_BEHIND)
        sites = [site for site in spec.sites if site.module == module]
        if not sites or name != f"{_BEFORE}{module}{_BEHIND}":
            raise ArtifactError(
                f"The adapter holds {name[:200]!r}, which is no factor of queries, keys, values or feed-forward "
                f"activations of base model {spec.id}. Use the base model that it was tuned on, and PEFT's usual "
                "target_modules."
            )
        factor_W = _factor(name, tensor, sites[0], spec)
        for site in sites:
            scale_W = factor_W[site.start : site.start + site.width]
            # A projection that makes several things has ones for those that nobody scales.
            if site.width == site.module_width or not bool((scale_W == 1).all()):
                scales[site.name] = scale_W.contiguous()
    return Artifact(
        kind=KIND,
        tensors=scales,
        context_tokens=0,
        config={"fan_in_fan_out": bool(config.get("fan_in_fan_out", False))},
    )


def _factor(name: str, tensor: Tensor, site: Site, spec: BaseModelSpec) -> Tensor:
    """The factors of a projection, checked; PEFT's shape tells whether they are of what it takes or gives.

    Shape:
        Returns `[W]`.
    """
    takes = site.kind is SiteKind.FEED_FORWARD
    expected = (1, site.module_width) if takes else (site.module_width, 1)
    if tuple(tensor.shape) != expected:
        raise ArtifactError(
            f"The adapter's {name} has shape {list(tensor.shape)}, but base model {spec.id} has {list(expected)} "
            f"there, as factors of what the projection {'takes' if takes else 'gives'}. Use the base model that it was "
            "tuned on, and PEFT's usual feedforward_modules."
        )
    if not tensor.dtype.is_floating_point or not bool(torch.isfinite(tensor).all()):
        raise ArtifactError(f"The adapter's {name} holds values that are not finite numbers. Tune it again.")
    return tensor.detach().to("cpu", torch.float32).flatten()


def _stored(scale_W: Tensor, *, takes: bool) -> Tensor:
    """In PEFT's shape."""
    on_cpu = scale_W.detach().to("cpu", torch.float32)
    return (on_cpu[None] if takes else on_cpu[:, None]).contiguous()


def _expect(config: Mapping[str, Any], name: str, expected: str) -> None:
    """Refuses an adapter whose configuration says something else."""
    found = config.get(name)
    if found != expected:
        raise ArtifactError(f"The adapter's {name} is {found!r}, but {expected!r} is expected here.")
