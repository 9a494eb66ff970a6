"""The conformance tests of base models."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.inference import GenerateParameters
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, TuneParameters, resolve_parameters
from foreword.errors import ForewordError
from foreword.plugin.chat import chat_frame
from foreword.plugin.encoding import encode_input, encode_plain
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.testing.descriptions import check_signatures

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TEXTS: Final = ("Where is my order?", "Two screws are missing, and nobody answers.", "42", "ok")
_LONGEST_PASS: Final = 2048
"""Maximum length of context that is tested: attention over more tokens takes minutes on a CPU."""


class BaseModelTests(ABC):
    """The conformance tests of a base model. Subclass it and override `make_base_model`; it is loaded a few times."""

    _kept: ClassVar[LoadedModel]

    @abstractmethod
    def make_base_model(self) -> BaseModel:
        """Return a new instance."""

    def test_it_describes_itself(self) -> None:
        """The catalogue lists a model before it is loaded."""
        spec = self.make_base_model().spec
        assert _ID.fullmatch(spec.id), f"id {spec.id!r} cannot be part of a resource name; write -- instead of /"
        for name in ("display_name", "description", "licence", "revision"):
            assert getattr(spec, name).strip(), f"{name} is empty"
        for name in ("context_tokens", "hidden_size", "parameter_count"):
            assert getattr(spec, name) > 0, f"{name} is {getattr(spec, name)}"
        assert spec.id not in spec.aliases, "aliases contains the id of the model; remove it"

    def test_its_methods_take_what_the_service_passes(self) -> None:
        """A method with other parameters would fail when the model is first used."""
        check_signatures(self.make_base_model(), BaseModel)

    def test_its_recipes_hold_allowed_values_that_fit_its_context(self) -> None:
        """Runs without any set parameter use the recipe."""
        spec = self.make_base_model().spec
        for tuning_type, recipe in spec.recipes.items():
            for known in TUNE_PARAMETER_SPECS:
                value = getattr(recipe, known.name)
                fault = known.fault(value) if value is not None else None
                assert fault is None, f"{known.name} in the recipe of {tuning_type} {fault}"
            parameters, _ = resolve_parameters(TuneParameters(), recipe)
            room = spec.context_room(recipe.num_virtual_tokens or 0)
            longest = room.longest_input(answer_tokens=parameters.max_output_tokens)
            assert parameters.max_input_tokens <= longest, (
                f"max_input_tokens in the recipe of {tuning_type} is {parameters.max_input_tokens}, but the soft prompt"
                f"{' and the answer leave' if spec.is_causal else ' leaves'} {longest} of {spec.context_tokens} tokens"
            )

    def test_the_separate_tokenizer_equals_the_one_loaded_with_the_weights(self) -> None:
        """Rows are counted with the first and tuned with the second."""
        alone, loaded = self.make_base_model().load_tokenizer(), self._loaded.tokenizer
        for text in _TEXTS:
            ids, others = encode_input(alone, text), encode_input(loaded, text)
            assert ids == others, f"load_tokenizer() encodes {text!r} as {ids}, the tokenizer of load() as {others}"

    def test_the_tokenizer_fits_the_network(self) -> None:
        """Every text must have tokens, every token an embedding, and every answer an end."""
        tokenizer, rows = self._loaded.tokenizer, self._table_shape[0]
        assert isinstance(tokenizer.eos_token_id, int), "the tokenizer has no end token: no answer would ever end"
        assert isinstance(tokenizer.pad_token_id, int), "the tokenizer has no padding token"
        for text in _TEXTS:
            ids = encode_plain(tokenizer, text)
            assert ids, f"{text!r} has no tokens"
            assert max(ids) < rows, f"token {max(ids)} of {text!r} has no embedding"
            assert str(tokenizer.decode(ids)).strip(), f"the tokens of {text!r} decode to an empty text"

    def test_a_chat_template_accepts_a_single_user_turn(self) -> None:
        """Inputs are user turns if the spec of the model sets `chat_template`."""
        model = self.make_base_model()
        try:
            chat_frame(model.load_tokenizer(), model.spec)
        except ForewordError as error:
            raise AssertionError(error.message) from error

    def test_the_network_matches_the_description(self) -> None:
        """Memory, prompts and plans are computed from the description."""
        spec, module = self.make_base_model().spec, self._module
        assert self._loaded.spec == spec, "the loaded model has another spec"
        encoder_decoder = bool(module.config.is_encoder_decoder)
        assert encoder_decoder != spec.is_causal, (
            f"architecture is {spec.architecture.value}, but the network has is_encoder_decoder={encoder_decoder}"
        )
        width = self._table_shape[1]
        assert width == spec.hidden_size, f"hidden_size is {spec.hidden_size}, but the embeddings have width {width}"
        count = sum(parameter.numel() for parameter in module.parameters())
        assert abs(count - spec.parameter_count) <= 0.01 * count, (
            f"parameter_count is {spec.parameter_count:,}, but the network has {count:,}"
        )

    def test_its_sites_are_in_the_network(self) -> None:
        """Methods scale the activations at sites; a model without sites does not support them."""
        for site in self._spec.sites:
            try:
                projection: Any = self._module.get_submodule(site.module)
            except AttributeError as error:
                raise AssertionError(f"the network has no {site.module}") from error
            rows, columns = projection.weight.shape
            assert site.module_width in (rows, columns), (
                f"{site.module} is a projection from {columns} to {rows} columns, and neither is {site.module_width}"
            )
            assert 0 <= site.start <= site.module_width - site.width, f"{site.name} has columns outside its projection"
        names = [site.name for site in self._spec.sites]
        assert len(set(names)) == len(names), "two sites have the same name"

    def test_it_is_frozen_and_in_eval_mode(self) -> None:
        """All tenants share the model, and dropout would make answers random."""
        assert not self._module.training, "the module is in training mode; call eval()"
        learning = [name for name, parameter in self._module.named_parameters() if parameter.requires_grad]
        assert not learning, (
            f"{len(learning)} parameters can be trained, such as {learning[0]}; call requires_grad_(False)"
        )

    def test_it_has_the_requested_dtype(self) -> None:
        """The dtype of the file must not matter."""
        import torch

        for dtype in ("float32", "bfloat16"):
            module = self.make_base_model().load(device="cpu", dtype=dtype).module
            found = {parameter.dtype for parameter in module.parameters()}
            assert found == {getattr(torch, dtype)}, f"load(dtype={dtype!r}) returned weights in {found}"

    def test_every_load_has_the_same_weights(self) -> None:
        """The worker tunes on one copy and the server answers with another."""
        again = self.make_base_model().load(device="cpu", dtype="float32").module
        assert _digest(again) == _digest(self._module), "two loads return different weights"

    def test_it_accepts_embeddings_instead_of_tokens(self) -> None:
        """A soft prompt precedes the input as vectors."""
        import torch

        ids_BT = torch.tensor([encode_input(self._loaded.tokenizer, _TEXTS[0])])
        with torch.no_grad():
            embeds_BTD = self._module.get_input_embeddings()(ids_BT)
            by_ids = self._logits(input_ids=ids_BT)
            by_embeds = self._logits(inputs_embeds=embeds_BTD)
        assert bool(torch.isfinite(by_ids).all()), "the network returns numbers that are not finite"
        assert torch.allclose(by_ids, by_embeds, atol=1e-4), "embeddings instead of tokens change the result"

    def test_its_whole_context_can_be_used(self) -> None:
        """The service accepts inputs up to its length."""
        import torch

        length = min(self._spec.context_tokens, _LONGEST_PASS)
        ids = encode_plain(self._loaded.tokenizer, _TEXTS[0])
        ids_BT = torch.tensor([(ids * (length // len(ids) + 1))[:length]])
        try:
            with torch.no_grad():
                logits = self._logits(input_ids=ids_BT)
        except Exception as error:
            raise AssertionError(f"{length} tokens raise {type(error).__name__}: {error}") from error
        assert bool(torch.isfinite(logits).all()), f"{length} tokens give numbers that are not finite"

    def test_a_row_has_the_same_answer_in_a_batch_as_alone(self) -> None:
        """Rows of all tenants share batches."""
        from foreword.inference.runner import ModelRunner, TextRow

        parameters = GenerateParameters(max_new_tokens=6, min_new_tokens=3)
        try:
            runner = ModelRunner(self._loaded)
            rows = [TextRow(text=text, parameters=parameters) for text in _TEXTS]
            alone = [runner.generate([row])[0] for row in rows]
            together = runner.generate(rows)
        except ForewordError as error:
            raise AssertionError(f"the engine cannot serve it: {error.message}") from error
        assert together == alone, "an answer in a batch differs from the answer alone"

    @property
    def _spec(self) -> BaseModelSpec:
        return self._loaded.spec

    @property
    def _module(self) -> PreTrainedModel:
        return self._loaded.module

    @property
    def _loaded(self) -> LoadedModel:
        """The model, loaded once for all checks because pytest creates a new instance for each."""
        kind = type(self)
        if "_kept" not in vars(kind):
            kind._kept = self.make_base_model().load(device="cpu", dtype="float32")
        kept: LoadedModel = vars(kind)["_kept"]
        return kept

    @classmethod
    def teardown_class(cls) -> None:
        """Release the model. Called by pytest after the last check."""
        if "_kept" in vars(cls):
            del cls._kept

    @property
    def _table_shape(self) -> tuple[int, int]:
        """The number of rows and the width of the input embeddings."""
        table: Any = self._module.get_input_embeddings()
        rows, width = table.weight.shape
        return rows, width

    def _logits(self, **inputs: Tensor) -> Tensor:
        """Return the logits of the network, for an encoder-decoder those of the first token of the answer."""
        import torch

        if self._module.config.is_encoder_decoder:
            inputs["decoder_input_ids"] = torch.tensor([[self._module.config.decoder_start_token_id]])
        logits: Tensor = self._module(**inputs).logits
        return logits


def _digest(module: PreTrainedModel) -> str:
    """Return a hash of all weights."""
    digest = hashlib.sha256()
    for name, parameter in module.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
