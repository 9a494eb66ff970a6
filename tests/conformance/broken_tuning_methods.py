"""Faulty tuning methods, at least one for each conformance test; `PromptTuning` is correct."""

from __future__ import annotations

import random
from dataclasses import replace

import torch

from foreword.domain.base_model import Architecture
from foreword.domain.parameters import ParameterSpec
from foreword.errors import ArtifactError
from foreword.plugin.contributions import Embeds
from foreword.testing import TinyModel, TuningMethodTests
from foreword_methods.parameters import TOKEN_DROPOUT
from foreword_methods.prompt_tuning import PromptTuning
from foreword_methods.prompt_tuning.peft_format import TENSOR


class Nameless(PromptTuning):
    display_name = " "


class WrongParameter(PromptTuning):
    parameters = (ParameterSpec(name="depth", description="How deep.", type="integer"),)


class EmptyRange(PromptTuning):
    parameters = (ParameterSpec(name="depth", description="How deep.", type="int", minimum=3, maximum=1),)


class TakesACommonName(PromptTuning):
    parameters = (ParameterSpec(name="num_epochs", description="How often.", type="int"),)


class TakesTargets(PromptTuning):
    def start(self, model, parameters, targets, generator):
        return super().start(model, parameters, targets, generator)


class TakesMore(PromptTuning):
    def plan(self, spec, parameters, depth):
        return super().plan(spec, parameters)


class OtherDefault(PromptTuning):
    parameters = (replace(TOKEN_DROPOUT, default=0.5),)


class UnknownUnused(PromptTuning):
    unused_parameters = frozenset({"depth"})


class _Planned(PromptTuning):
    changes: dict[str, int]

    def plan(self, spec, parameters):
        return replace(super().plan(spec, parameters), **self.changes)


def _planned(name: str, **changes: int) -> type[PromptTuning]:
    return type(name, (_Planned,), {"changes": changes})


WrongCount = _planned("WrongCount", trainable_parameter_count=1)
WrongContext = _planned("WrongContext", context_tokens=1)
WrongMemory = _planned("WrongMemory", resident_bytes=1)


class Boundless(PromptTuning):
    def plan(self, spec, parameters):
        plan = super().plan(spec, replace(parameters, num_virtual_tokens=1))
        return replace(plan, context_tokens=parameters.num_virtual_tokens)


class _Started(PromptTuning):
    """A method that changes a run when it starts."""

    def start(self, model, parameters, rows, generator):
        run = super().start(model, parameters, rows, generator)
        self.change(run, model)
        return run

    def change(self, run, model) -> None:
        raise NotImplementedError


class Unseeded(_Started):
    def change(self, run, model):
        with torch.no_grad():
            run._vectors_PD += random.random()


class DrawsElsewhere(_Started):
    def change(self, run, model):
        torch.rand(1)


class ChangesTheModel(_Started):
    def change(self, run, model):
        model.module.lm_head.weight.data.mul_(1.01)


class HooksTheModel(_Started):
    def change(self, run, model):
        model.module.register_forward_hook(lambda *_: None)


class TrainsTheModel(_Started):
    def change(self, run, model):
        model.module.lm_head.weight.requires_grad_()


class Detached(_Started):
    def change(self, run, model):
        run.contribute = lambda: (Embeds(vectors_PD=run._vectors_PD.detach().clone().requires_grad_()),)


class Frozen(_Started):
    def change(self, run, model):
        kept = Embeds(vectors_PD=run._vectors_PD.detach().clone())
        run.contribute = lambda: (kept,)


class Unlearning(_Started):
    def change(self, run, model):
        begun = run._vectors_PD.detach().clone()
        run.after_step = lambda: run._vectors_PD.data.copy_(begun)


class Unfinished(_Started):
    def change(self, run, model):
        finish = run.finish
        run.finish = lambda: replace(finish(), tensors={TENSOR: run._vectors_PD})


class Untagged(_Started):
    def change(self, run, model):
        finish = run.finish
        run.finish = lambda: replace(finish(), kind="prompt")


class ServesSomethingElse(PromptTuning):
    def contributions(self, artifact):
        return (Embeds(vectors_PD=artifact.tensors[TENSOR] * 2),)


class WithoutEffect(PromptTuning):
    def contributions(self, artifact):
        return (Embeds(vectors_PD=artifact.tensors[TENSOR][:0]),)


class TooWide(PromptTuning):
    def contributions(self, artifact):
        return (Embeds(vectors_PD=artifact.tensors[TENSOR].repeat(1, 2)),)


class RoundsWhenStored(PromptTuning):
    def to_peft(self, artifact, spec):
        config, tensors = super().to_peft(artifact, spec)
        return config, {name: tensor.bfloat16() for name, tensor in tensors.items()}


class StoresNoJson(PromptTuning):
    def to_peft(self, artifact, spec):
        config, tensors = super().to_peft(artifact, spec)
        return {**config, "shape": torch.Size([1])}, tensors


class TakesAnything(PromptTuning):
    def from_peft(self, config, tensors, spec):
        try:
            return super().from_peft(config, tensors, spec)
        except ArtifactError:
            return None


class FallsOverAnything(PromptTuning):
    def from_peft(self, config, tensors, spec):
        tensors[TENSOR]
        return super().from_peft(config, tensors, spec)


class VariesAtWill(_Started):
    def change(self, run, model):
        run.vary_input = lambda ids, generator: [random.randrange(100), *ids]


class Vanishing(_Started):
    def change(self, run, model):
        run.vary_input = lambda ids, generator: ids[1:]


class HiddenState(_Started):
    def change(self, run, model):
        def after_step():
            run.updates = getattr(run, "updates", 0) + 1
            run._vectors_PD.data.add_(run.updates / 100)

        run.after_step = after_step


class StartsElsewhere(PromptTuning):
    def start_from(self, artifact, model, parameters):
        run = super().start_from(artifact, model, parameters)
        with torch.no_grad():
            run._vectors_PD += 1
        return run


class TrainsTheArtifact(PromptTuning):
    def start_from(self, artifact, model, parameters):
        run = super().start_from(artifact, model, parameters)
        run._vectors_PD.data = artifact.tensors[TENSOR]
        return run


BROKEN = {
    "test_it_describes_itself_and_its_parameters": (
        Nameless,
        WrongParameter,
        EmptyRange,
        TakesACommonName,
        UnknownUnused,
    ),
    "test_its_methods_take_what_the_service_passes": (TakesTargets, TakesMore),
    "test_an_unset_parameter_acts_like_its_default": (OtherDefault,),
    "test_its_plan_matches_the_run": (WrongCount, WrongContext, WrongMemory),
    "test_it_never_plans_more_than_the_context": (Boundless,),
    "test_the_same_seed_starts_the_same_run": (Unseeded,),
    "test_starting_uses_only_the_given_generator": (DrawsElsewhere,),
    "test_the_base_model_stays_unchanged": (ChangesTheModel, HooksTheModel, TrainsTheModel),
    "test_gradients_reach_all_of_its_tensors": (Detached,),
    "test_contributions_follow_the_tensors": (Frozen,),
    "test_training_lowers_the_loss": (Unlearning,),
    "test_an_artifact_is_finished": (Unfinished, Untagged),
    "test_served_contributions_equal_trained_ones": (ServesSomethingElse,),
    "test_the_engine_serves_it": (WithoutEffect, TooWide),
    "test_a_stored_adapter_is_read_back_unchanged": (RoundsWhenStored, StoresNoJson),
    "test_an_adapter_that_does_not_fit_is_refused": (TakesAnything, FallsOverAnything),
    "test_variation_of_inputs_depends_on_the_generator_and_never_empties_them": (VariesAtWill, Vanishing),
    "test_a_run_starts_from_a_tuned_model_and_leaves_it_as_it_is": (StartsElsewhere, TrainsTheArtifact),
    "test_a_run_can_be_resumed": (HiddenState,),
}


def case_of(method: type[PromptTuning]) -> TuningMethodTests:
    class Case(TuningMethodTests):
        def make_method(self):
            return method()

        def base_models(self):
            return [TinyModel(Architecture.CAUSAL)]

    return Case()
