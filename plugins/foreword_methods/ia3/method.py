"""The IA3 method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.parameters import ResolvedParameters
from foreword.domain.site import Site, SiteKind
from foreword.errors import ArtifactError, InvalidArgumentError
from foreword.plugin.contributions import Affine, Contribution
from foreword.plugin.interfaces import Artifact, EncodedRow, LoadedModel, MethodPlan, Trainable, TuningMethod
from foreword_methods.parameters import AVERAGING, TOKEN_DROPOUT

if TYPE_CHECKING:
    from torch import Generator, Tensor

_BYTES_PER_NUMBER: Final = 4
_SCALED: Final = frozenset({SiteKind.KEY, SiteKind.VALUE, SiteKind.FEED_FORWARD})
"""As in the paper, in every attention including cross-attention. PEFT's defaults scale queries instead of keys on BART
and Qwen, and both on GPT-2; such adapters can be read too. Without rotary positions the two are equivalent:
(q s) k = q (s k)."""


class IA3(TuningMethod):
    """The method that trains a factor for every column of keys, values and feed-forward activations."""

    id = "ia3"
    display_name = "IA3"
    description = (
        "Trains factors for keys, values and feed-forward activations; adds nothing to the input. On a small base "
        "model it learns more from few rows than a soft prompt."
    )
    parameters = (TOKEN_DROPOUT, AVERAGING)
    unused_parameters = frozenset({"num_virtual_tokens", "init_method", "init_text"})
    starts_from_tuned_models = True

    def plan(self, spec: BaseModelSpec, parameters: ResolvedParameters) -> MethodPlan:
        """Return the costs of a run.

        Raises:
            InvalidArgumentError: The base model declares no sites.
        """
        del parameters
        count = sum(site.width for site in scaled_sites(spec))
        if not count:
            raise InvalidArgumentError.of(
                "tuning_type", f"is {self.id}, but {spec.id} has no sites to scale; choose prompt_tuning"
            )
        return MethodPlan(trainable_parameter_count=count, context_tokens=0, resident_bytes=count * _BYTES_PER_NUMBER)

    def start(
        self, model: LoadedModel, parameters: ResolvedParameters, rows: Sequence[EncodedRow], generator: Generator
    ) -> Trainable:
        """Start a run from factors of 1, which leave the base model unchanged; nothing is random."""
        del rows, generator
        return _training({}, model, parameters)

    def start_from(self, artifact: Artifact, model: LoadedModel, parameters: ResolvedParameters) -> Trainable:
        """Start a run from the factors of an artifact.

        Raises:
            ArtifactError: It has factors for other sites than a run scales.
        """
        unknown = sorted(artifact.tensors.keys() - {site.name for site in scaled_sites(model.spec)})
        if unknown:
            raise ArtifactError(
                f"The tuned model scales {unknown[0]!r}, which a run of {self.id} does not train. Start from a model "
                "that this service has tuned."
            )
        return _training(artifact.tensors, model, parameters)

    def contributions(self, artifact: Artifact) -> Sequence[Contribution]:
        """Return the factors of each site."""
        return (Affine(scales_W=artifact.tensors),)

    def to_peft(self, artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the artifact in PEFT's format."""
        from foreword_methods.ia3.peft_format import write_adapter

        return write_adapter(artifact, spec)

    def from_peft(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
        """Read factors written by this service or PEFT."""
        from foreword_methods.ia3.peft_format import read_adapter

        return read_adapter(config, tensors, spec)


def _training(factors: Mapping[str, Tensor], model: LoadedModel, parameters: ResolvedParameters) -> Trainable:
    """Return a run that starts from factors by site; sites without factors start from 1."""
    from foreword_methods.ia3.training import Scales

    return Scales(
        scaled_sites(model.spec),
        factors=factors,
        network=model.module,
        special_tokens=frozenset(model.tokenizer.all_special_ids),
        token_dropout=float(parameters.method_parameters.get("token_dropout", 0.0)),
        averaging=float(parameters.method_parameters.get("averaging", 0.0)),
    )


def scaled_sites(spec: BaseModelSpec) -> tuple[Site, ...]:
    """Return the sites of a base model that a run scales."""
    return tuple(site for site in spec.sites if site.kind in _SCALED)
