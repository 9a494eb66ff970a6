"""The effect of an adapter on a base model: a tuned model that changes nothing must not be deployed.

Legend: B rows, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from foreword.errors import FailedPreconditionError
from foreword.inference.model.decoding_network import DecodingNetwork, NetworkInput
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.prefill import feed_first

_LEAST_EFFECT: Final = 1e-6
"""Smallest effect in nats: an adapter with an effect changes some token by far more, an ignored one by nothing."""


def adapter_effect(network: DecodingNetwork, adapter: LoadedAdapter, ids: Sequence[int]) -> float:
    """Measure the largest change that an adapter makes to the log-probability of a next token.

    Args:
        ids: Tokens of an input that is read with the adapter and without it.

    Returns:
        The change in nats.

    Raises:
        FailedPreconditionError: The adapter changes nothing, or makes numbers that are not finite.
    """
    sequences, ids_BT, valid_BT = network.begin(
        [NetworkInput(ids=ids, adapter=adapter), NetworkInput(ids=ids, adapter=None)]
    )
    logits_BV = feed_first(network, sequences, ids_BT, valid_BT)[:, -1].float()
    with_V, without_V = logits_BV.log_softmax(dim=-1)
    effect = float((with_V - without_V).abs().max())
    if not math.isfinite(effect):
        raise FailedPreconditionError(
            "The tuned model makes the base model overflow. Tune again with a smaller learning rate.",
            reason="PROBE_NOT_FINITE",
        )
    if effect < _LEAST_EFFECT:
        raise FailedPreconditionError(
            "The tuned model changes nothing: its adapter has no effect on the base model. Tune again with "
            "more updates or a larger learning rate.",
            reason="PROBE_NO_EFFECT",
        )
    return effect
