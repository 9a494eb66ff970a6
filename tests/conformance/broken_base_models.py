"""Faulty base models, at least one for each conformance test; `TinyModel` is correct."""

from __future__ import annotations

from dataclasses import replace

import torch

from factories.chat import chat_tokenizer
from foreword.domain.base_model import Architecture
from foreword.domain.parameters import TuneParameters
from foreword.plugin.interfaces import LoadedModel
from foreword.testing import BaseModelTests, TinyModel


class Right(TinyModel):
    def __init__(self, architecture: Architecture = Architecture.CAUSAL) -> None:
        super().__init__(architecture)


class _Described(Right):
    """A model with a changed description."""

    changes: dict[str, object]

    @property
    def spec(self):
        return replace(super().spec, **self.changes)

    def load(self, *, device, dtype):
        return replace(super().load(device=device, dtype=dtype), spec=self.spec)


_SITE = TinyModel(Architecture.CAUSAL).spec.sites[0]


def _described(name: str, **changes: object) -> type[Right]:
    return type(name, (_Described,), {"changes": changes})


Nameless = _described("Nameless", id="team/tiny")
Contextless = _described("Contextless", context_tokens=0)
WrongRecipe = _described("WrongRecipe", recipes={"prompt_tuning": TuneParameters(num_epochs=0)})
LongRecipe = _described(
    "LongRecipe", recipes={"prompt_tuning": TuneParameters(num_virtual_tokens=99, max_input_tokens=99)}
)
WrongWidth = _described("WrongWidth", hidden_size=32)
WrongCount = _described("WrongCount", parameter_count=5_000_000)
WrongSite = _described("WrongSite", sites=(replace(_SITE, module="model.layers.9.mlp.down_proj"),))
NarrowSite = _described("NarrowSite", sites=(replace(_SITE, module_width=7),))
SiteOutside = _described("SiteOutside", sites=(replace(_SITE, start=9),))


class LongContext(_Described):
    def __init__(self):
        super().__init__(Architecture.ENCODER_DECODER)
        self.changes = {"context_tokens": 512}


NoTemplate = _described("NoTemplate", chat_template=True)


class OtherSpec(Right):
    def load(self, *, device, dtype):
        loaded = super().load(device=device, dtype=dtype)
        return replace(loaded, spec=replace(loaded.spec, revision="2"))


class OtherTokenizer(Right):
    def load_tokenizer(self):
        return chat_tokenizer("qwen")

    def load(self, *, device, dtype):
        return replace(super().load(device=device, dtype=dtype), tokenizer=TinyModel.load_tokenizer(self))


class _Loaded(Right):
    """A model that changes the loaded network."""

    def load(self, *, device, dtype):
        loaded = super().load(device=device, dtype=dtype)
        self.change(loaded)
        return loaded

    def change(self, loaded: LoadedModel) -> None:
        raise NotImplementedError


class Endless(_Loaded):
    def change(self, loaded):
        loaded.tokenizer.eos_token = None


class SmallTable(_Loaded):
    def change(self, loaded):
        loaded.tokenizer.add_tokens(["Where"])


class Learning(_Loaded):
    def change(self, loaded):
        loaded.module.lm_head.weight.requires_grad_()


class InTraining(_Loaded):
    def change(self, loaded):
        loaded.module.train()


class AlwaysTheSameDtype(Right):
    def load(self, *, device, dtype):
        return super().load(device=device, dtype="float32")


class OtherEveryTime(_Loaded):
    loads = 0

    def change(self, loaded):
        OtherEveryTime.loads += 1
        loaded.module.lm_head.weight += OtherEveryTime.loads


class DeafToEmbeddings(_Loaded):
    def change(self, loaded):
        forward = loaded.module.forward

        def deaf(input_ids=None, inputs_embeds=None, **rest):
            if inputs_embeds is not None:
                inputs_embeds = torch.zeros_like(inputs_embeds)
            return forward(input_ids=input_ids, inputs_embeds=inputs_embeds, **rest)

        loaded.module.forward = deaf


class Leaking(_Loaded):
    """A model in which the rows of a batch affect each other."""

    def change(self, loaded):
        embed = loaded.module.get_input_embeddings()
        embed.register_forward_hook(lambda _, __, out: out + 9 * out.sum(dim=0, keepdim=True) * (len(out) > 1))


class TakesNoDevice(Right):
    def load(self, dtype):
        return super().load(device="cpu", dtype=dtype)


BROKEN = {
    "test_it_describes_itself": (Nameless, Contextless),
    "test_its_methods_take_what_the_service_passes": (TakesNoDevice,),
    "test_its_recipes_hold_allowed_values_that_fit_its_context": (WrongRecipe, LongRecipe),
    "test_the_separate_tokenizer_equals_the_one_loaded_with_the_weights": (OtherTokenizer,),
    "test_the_tokenizer_fits_the_network": (Endless, SmallTable),
    "test_a_chat_template_accepts_a_single_user_turn": (NoTemplate,),
    "test_the_network_matches_the_description": (WrongWidth, WrongCount, OtherSpec),
    "test_its_sites_are_in_the_network": (WrongSite, NarrowSite, SiteOutside),
    "test_it_is_frozen_and_in_eval_mode": (Learning, InTraining),
    "test_it_has_the_requested_dtype": (AlwaysTheSameDtype,),
    "test_every_load_has_the_same_weights": (OtherEveryTime,),
    "test_it_accepts_embeddings_instead_of_tokens": (DeafToEmbeddings,),
    "test_its_whole_context_can_be_used": (LongContext,),
    "test_a_row_has_the_same_answer_in_a_batch_as_alone": (Leaking,),
}


def case_of(model: type[Right]) -> BaseModelTests:
    class Case(BaseModelTests):
        def make_base_model(self):
            return model()

    return Case()
