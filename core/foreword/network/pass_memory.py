"""The memory that one pass of a base model needs.

Legend: B rows, T tokens, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import nn

from foreword.network.attention import uses_eager_for_gradients
from foreword.plugin.contributions import Affine, Contribution, Embeds
from foreword.plugin.interfaces import EncodedRow, LoadedModel
from foreword.plugin.sites import projection_widths

_PEAK: Final = 2
"""The peak of a pass relative to what it keeps for the backward pass. The gradients of one layer, and memory that an
allocator cannot use again, come on top: measured on CPUs, 1.4 to 2.1 for 4 to 200 tokens of text."""

_KEPT_LOGITS: Final = 2
"""Tensors of logits in fp32 that the loss keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSize:
    """What the memory of a pass depends on in an adapter."""

    num_virtual_tokens: int
    has_factors: bool

    @classmethod
    def of(cls, contributions: Sequence[Contribution]) -> AdapterSize:
        """Return the size of an adapter."""
        return cls(
            num_virtual_tokens=sum(len(item.vectors_PD) for item in contributions if isinstance(item, Embeds)),
            has_factors=any(isinstance(item, Affine) for item in contributions),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StackShape:
    """A stack of layers.

    Attributes:
        width: Columns of the outputs of all projections of one layer: about what each token keeps.
    """

    num_layers: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """What the memory of a pass depends on in a base model.

    Attributes:
        encoder: None for causal models.
        key_value_width: Columns of the keys and values of one layer, together.
        is_eager: Whether attention makes a tensor of all its scores, `[B, H, T, T]`; fused attention does not.
        is_eager_with_gradients: The same where a backward pass follows.
        bytes_per_number: Of activations; logits are in fp32.
    """

    encoder: StackShape | None
    decoder: StackShape
    num_heads: int
    key_value_width: int
    vocabulary_size: int
    is_eager: bool
    is_eager_with_gradients: bool
    bytes_per_number: int

    @classmethod
    def of(cls, model: LoadedModel) -> NetworkShape:
        """Read the shape of a loaded model."""
        module: Any = model.module
        config = module.config.get_text_config()
        num_layers = config.num_hidden_layers
        num_decoder_layers = (
            getattr(config, "decoder_layers", None) or getattr(config, "num_decoder_layers", None) or num_layers
        )
        head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        num_key_value_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        encoder = StackShape(num_layers=num_layers, width=_width(module, inside_encoder=True) // num_layers)
        return cls(
            encoder=None if model.spec.is_causal else encoder,
            decoder=StackShape(
                num_layers=num_decoder_layers, width=_width(module, inside_encoder=False) // num_decoder_layers
            ),
            num_heads=config.num_attention_heads,
            key_value_width=2 * num_key_value_heads * head_width,
            vocabulary_size=config.vocab_size,
            is_eager=config._attn_implementation == "eager",
            is_eager_with_gradients=uses_eager_for_gradients(model.module) or config._attn_implementation == "eager",
            bytes_per_number=module.dtype.itemsize,
        )


def pass_bytes(
    shape: NetworkShape,
    rows: Sequence[EncodedRow],
    sizes: Sequence[AdapterSize],
    adapter_of_row: Sequence[int],
    *,
    with_gradients: bool,
) -> int:
    """Estimate the peak of the activations of one pass of `AnswerLoss`, forward and backward, in bytes.

    Rows count as padded: each as long as the longest, virtual tokens included.

    Args:
        sizes: The sizes of the adapters.
        adapter_of_row: The place of each row's adapter.
        with_gradients: Whether a backward pass follows. Without one, only one layer's activations exist at a time.
    """
    prompts = [sizes[place].num_virtual_tokens for place in adapter_of_row]
    num_prompts = len({place for place in adapter_of_row if sizes[place].num_virtual_tokens})
    layers = {stack: stack.num_layers if with_gradients else 1 for stack in (shape.encoder, shape.decoder) if stack}
    if shape.encoder is None:
        numbers, scores = _kept_by_causal(shape, rows, prompts, num_prompts, layers[shape.decoder])
    else:
        numbers, scores = _kept_by_encoder_decoder(
            shape, shape.encoder, rows, prompts, layers[shape.encoder], layers[shape.decoder]
        )
    if any(sizes[place].has_factors for place in adapter_of_row):
        numbers *= 2  # activations before and after they are multiplied
    kept = numbers * shape.bytes_per_number
    if shape.is_eager_with_gradients if with_gradients else shape.is_eager:
        # Many families compute the softmax in fp32 and convert its result.
        kept += scores * shape.num_heads * (4 + shape.bytes_per_number % 4)
    kept += _KEPT_LOGITS * 4 * shape.vocabulary_size * sum(len(row.target_ids) for row in rows)
    return _PEAK * kept


def _kept_by_encoder_decoder(
    shape: NetworkShape,
    encoder: StackShape,
    rows: Sequence[EncodedRow],
    prompts: Sequence[int],
    encoder_layers: int,
    decoder_layers: int,
) -> tuple[int, int]:
    """Return the numbers that the projections keep, and the pairs of columns with a score."""
    num_read = max(prompt + len(row.input_ids) for prompt, row in zip(prompts, rows, strict=True))
    num_written = max(len(row.target_ids) for row in rows)
    # The decoder's layers keep keys and values of everything that was read.
    numbers = num_read * (encoder_layers * encoder.width + decoder_layers * shape.key_value_width)
    numbers += num_written * decoder_layers * shape.decoder.width
    scores = encoder_layers * num_read**2 + decoder_layers * num_written * (num_written + num_read)
    return len(rows) * numbers, len(rows) * scores


def _kept_by_causal(
    shape: NetworkShape, rows: Sequence[EncodedRow], prompts: Sequence[int], num_prompts: int, layers: int
) -> tuple[int, int]:
    """Return the numbers that the projections keep, and the pairs of columns with a score."""
    num_text, num_virtual = max(row.length for row in rows), max(prompts)
    numbers = layers * shape.decoder.width * (len(rows) * num_text + num_prompts * num_virtual)
    scores = layers * (len(rows) * num_text * (num_virtual + num_text) + num_prompts * num_virtual**2)
    if num_virtual:
        # The cache has a copy of its prompt's keys and values for each row; in mixed company they are gathered first.
        columns = num_virtual * (2 if num_prompts > 1 else 1) + num_text
        numbers += shape.decoder.num_layers * shape.key_value_width * len(rows) * columns
    return numbers, scores


def _width(module: nn.Module, *, inside_encoder: bool) -> int:
    """Return the columns of the outputs of all projections on one side of a network, the language head left out."""
    head = module.get_output_embeddings()  # type: ignore[operator]  # transformers leaves it unannotated
    widths = 0
    for path, layer in module.named_modules():
        if ("encoder" in path.split(".")) is not inside_encoder or layer is head or isinstance(layer, nn.Embedding):
            continue
        weight = getattr(layer, "weight", None)
        if weight is not None and weight.ndim == 2:
            widths += projection_widths(layer)[1]
    return widths
