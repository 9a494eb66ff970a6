"""Checks of a tuning method."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from foreword.domain.base_model import Architecture
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, ResolvedParameters, TuneParameters, resolve_parameters
from foreword.errors import ArtifactError, ForewordError, InvalidArgumentError
from foreword.plugin.interfaces import BaseModel, EncodedRow, LoadedModel, Trainable, TuningMethod
from foreword.testing.descriptions import check_identity, check_json, check_parameters, check_signatures
from foreword.testing.tiny_models import TinyModel

if TYPE_CHECKING:
    from torch import Tensor

    from foreword.plugin.contributions import Contribution

_KIND: Final = re.compile(r".+/\d+")
_TARGETS: Final = ("Planning", "Warehouse", "Service, L3")
_IDS: Final = tuple(range(10, 40))


class TuningMethodTests(ABC):
    """What the service relies on in a tuning method. Derive, and say which one.

    Each check runs on every model of `base_models`.
    """

    @abstractmethod
    def make_method(self) -> TuningMethod:
        """A new instance."""

    def parameters(self) -> TuneParameters:
        """What a run sets; the rest is the base model's recipe. Methods that draw inputs anew should be made to."""
        return TuneParameters(init_method="sample_vocab", num_virtual_tokens=4)

    def base_models(self) -> Sequence[BaseModel]:
        """Models to tune, small ones: one of each architecture that the method supports."""
        return [TinyModel(architecture) for architecture in Architecture]

    def test_it_describes_itself_and_its_parameters(self) -> None:
        """Catalogues and forms are drawn from it."""
        method = self.make_method()
        check_identity(method, "display_name", "description")
        check_parameters(method.parameters)
        unknown = method.unused_parameters - {spec.name for spec in TUNE_PARAMETER_SPECS}
        assert not unknown, f"unused_parameters names {sorted(unknown)}, which are no common parameters"
        taken = {spec.name for spec in method.parameters} & {spec.name for spec in TUNE_PARAMETER_SPECS}
        assert not taken, f"parameters has {sorted(taken)}, which are common parameters; use those, or rename them"

    def test_its_methods_take_what_the_service_passes(self) -> None:
        """A method with other parameters fails in the worker, when a run starts or ends."""
        check_signatures(self.make_method(), TuningMethod)
        for _, trainable in self._runs():
            check_signatures(trainable, Trainable)

    def test_a_default_is_what_an_unset_parameter_means(self) -> None:
        """The service fills in no defaults: forms show them, and the method has to act on them."""
        import torch

        for model in self._models():
            for spec in self.make_method().parameters:
                if spec.default is None:
                    continue
                unset = {name: value for name, value in self._own(model).items() if name != spec.name}
                runs = [
                    self._start_with(model, replace(self._resolved(model), method_parameters=values))
                    for values in (unset, {**unset, spec.name: spec.default})
                ]
                for run in runs:
                    self._update(model, run)
                what = f"without {spec.name} a run is not the one with its default {spec.default!r}"
                inputs = [list(run.vary_input(_IDS, Random(0))) for run in runs]  # noqa: S311 - no secret
                assert inputs[0] == inputs[1], what
                first, second = (run.finish().tensors for run in runs)
                assert list(first) == list(second), what
                assert all(torch.equal(tensor, second[name]) for name, tensor in first.items()), what

    def test_its_plan_comes_true(self) -> None:
        """Limits, costs and memory are decided on the plan, before anything is loaded."""
        for model, trainable in self._runs():
            plan = self.make_method().plan(model.spec, self._resolved(model))
            trained = sum(tensor.numel() for tensor in _parameters(trainable).values())
            assert plan.trainable_parameter_count == trained, (
                f"the plan says {plan.trainable_parameter_count} numbers are trained, but {trained} are"
            )
            artifact = trainable.finish()
            assert plan.context_tokens == artifact.context_tokens == _prompt_length(trainable.contribute()), (
                f"the plan takes {plan.context_tokens} tokens of the context, the artifact {artifact.context_tokens}, "
                f"its contributions {_prompt_length(trainable.contribute())}"
            )
            served = sum(tensor.nbytes for tensor in _tensors(self.make_method().contributions(artifact)))
            assert served <= plan.resident_bytes <= 2 * served, (
                f"the plan keeps {plan.resident_bytes} bytes in memory, and {served} are contributed"
            )

    def test_it_never_plans_more_than_the_context(self) -> None:
        """A prompt that leaves no room for a text is refused by field before the run is created."""
        for model in self._models():
            parameters = self._resolved(model)
            if parameters.num_virtual_tokens is not None:
                parameters = replace(parameters, num_virtual_tokens=model.spec.context_tokens)
            try:
                plan = self.make_method().plan(model.spec, parameters)
            except InvalidArgumentError as error:
                wrong = [item.field for item in error.violations if not item.field.startswith("parameters.")]
                assert not wrong, f"violations name {wrong}; name fields below parameters"
            else:
                assert plan.context_tokens < model.spec.context_tokens, (
                    f"{plan.context_tokens} of {model.spec.context_tokens} tokens are taken: nothing is left for a text"
                )

    def test_the_same_seed_starts_the_same_run(self) -> None:
        """A run that is done again, or goes on elsewhere, must be the same run."""
        import torch

        for model in self._models():
            first, second = _parameters(self._start(model)), _parameters(self._start(model))
            assert list(first) == list(second), "names or order of the tensors differ between two starts"
            for name, tensor in first.items():
                assert torch.equal(tensor, second[name]), f"{name} starts differently with the same seed"

    def test_starting_reads_no_randomness_but_the_generator(self) -> None:
        """Other runs share the process, and what they draw must not matter."""
        import torch

        for model in self._models():
            state = torch.random.get_rng_state()
            self._start(model)
            assert torch.equal(state, torch.random.get_rng_state()), (
                "start draws from torch's own generator; draw from the one that it is handed"
            )

    def test_the_base_model_stays_as_it_is(self) -> None:
        """It is shared by every run and every request: no weight changes, nothing is hooked in or switched on."""
        import torch

        for model in self._models():
            before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
            hooks = _hooks(model)
            trainable = self._start(model)
            trainable.contribute()
            trainable.finish()
            assert _hooks(model) == hooks, "hooks or methods of the base model were changed"
            self._update(model, trainable)
            assert not model.module.training, "the base model was put into training mode"
            after = model.module.state_dict()
            assert list(after) == list(before), "tensors were added to the base model, or removed"
            for name, tensor in before.items():
                assert torch.equal(tensor, after[name]), f"the base model's {name} was changed"
            for name, parameter in model.module.named_parameters():
                assert not parameter.requires_grad, f"the base model's {name} can be trained"
                assert parameter.grad is None, f"a gradient reaches the base model's {name}"

    def test_gradients_reach_all_of_its_tensors(self) -> None:
        """The optimiser moves what the groups name, and nothing else."""
        import torch

        for model, trainable in self._runs():
            loss = self._loss(model, trainable)
            assert bool(torch.isfinite(loss)), f"the loss at the start is {loss.item()}"
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            for name, tensor in _parameters(trainable).items():
                assert tensor.is_leaf, f"{name} is computed, so no optimiser can move it"
                assert tensor.dtype is torch.float32, f"{name} is trained in {tensor.dtype}; train in fp32"
                assert tensor.grad is not None, f"no gradient reaches {name}: contribute() must be differentiable"
                assert bool(torch.isfinite(tensor.grad).all()), f"the gradient of {name} is not finite"

    def test_contributions_follow_the_tensors(self) -> None:
        """They are asked for anew at every step."""
        import torch

        for _, trainable in self._runs():
            before = [tensor.detach().clone() for tensor in _tensors(trainable.contribute())]
            assert before, "nothing is contributed"
            _disturb(trainable)
            after = list(_tensors(trainable.contribute()))
            changed = any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
            assert changed, "contributions stay as they were when the tensors change"

    def test_training_lowers_the_loss(self) -> None:
        """A few updates on three rows, which any method can learn by heart."""
        import torch

        for model, trainable in self._runs():
            optimizer = torch.optim.Adam(
                [
                    {"params": list(group.parameters.values()), "lr": 0.05 * group.scale}
                    for group in trainable.groups
                ]
            )  # fmt: skip
            losses = []
            for _ in range(25):
                loss = self._loss(model, trainable)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
                optimizer.step()
                trainable.after_step()
                losses.append(float(loss.detach()))
            assert losses[-1] < losses[0], f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f} in 25 updates"

    def test_an_artifact_is_finished(self) -> None:
        """Tagged, in fp32 on the CPU, and not moved by what training does afterwards."""
        import torch

        for _, trainable in self._runs():
            artifact = trainable.finish()
            assert _KIND.fullmatch(artifact.kind), f"kind {artifact.kind!r} must name the method and a version: name/1"
            check_json(dict(artifact.config), "the artifact's config")
            kept = {name: tensor.clone() for name, tensor in artifact.tensors.items()}
            for name, tensor in artifact.tensors.items():
                assert not tensor.requires_grad, f"{name} still requires gradients"
                assert (tensor.device.type, tensor.dtype) == ("cpu", torch.float32), (
                    f"{name} is {tensor.dtype} on {tensor.device}"
                )
            _disturb(trainable)
            for name, tensor in kept.items():
                assert torch.equal(tensor, artifact.tensors[name]), f"{name} changes when training goes on; copy it"

    def test_what_is_served_is_what_was_trained(self) -> None:
        """The artifact contributes what the run did at its end."""
        import torch

        for model, trainable in self._runs():
            self._update(model, trainable)
            trained = list(_tensors(trainable.contribute()))
            served = list(_tensors(self.make_method().contributions(trainable.finish())))
            assert len(trained) == len(served), f"{len(trained)} tensors were trained with, {len(served)} are served"
            if trainable.buffers:
                continue  # an average is not the last value
            for old, new in zip(trained, served, strict=True):
                assert torch.allclose(old.detach().cpu(), new, atol=1e-6), "other values are served than were trained"

    def test_the_engine_serves_it(self) -> None:
        """Alone and beside rows without it, and it has an effect."""
        from foreword.inference.runner import ModelRunner, TextRow

        for model, trainable in self._runs():
            _disturb(trainable)
            runner = ModelRunner(model)
            try:
                adapter = runner.load_adapter(self.make_method().contributions(trainable.finish()))
                effect = runner.probe(adapter)
                rows = [TextRow(text="Where is my order?", adapter=item) for item in (adapter, None, adapter)]
                tuned, plain, again = runner.generate(rows)
            except ForewordError as error:
                raise AssertionError(f"the engine refuses it: {error.message}") from error
            assert adapter is not None, "nothing is contributed"
            assert effect > 0, "the base model answers as if nothing had been contributed"
            assert tuned == again, "two rows with the same adapter get different answers"
            assert plain == runner.generate(rows[1:2])[0], "a row without an adapter is disturbed by one beside it"

    def test_a_stored_adapter_comes_back_as_it_was(self) -> None:
        """Through the files that PEFT has for it, whose tensors safetensors has to take."""
        import torch
        from safetensors.torch import load, save

        for model, trainable in self._runs():
            _disturb(trainable)
            method, artifact = self.make_method(), trainable.finish()
            config, tensors = method.to_peft(artifact, model.spec)
            check_json(config, "adapter_config.json")
            assert config.get("peft_type"), "adapter_config.json names no peft_type"
            try:
                stored = load(save(dict(tensors)))
            except (RuntimeError, ValueError) as error:
                raise AssertionError(f"safetensors cannot store the tensors: {error}") from error
            back = method.from_peft(config, stored, model.spec)
            there, here = (artifact.kind, artifact.context_tokens), (back.kind, back.context_tokens)
            assert here == there, f"kind and context tokens {there} come back as {here}"
            assert set(back.tensors) == set(artifact.tensors), f"tensors come back as {sorted(back.tensors)}"
            for name, tensor in artifact.tensors.items():
                assert torch.equal(tensor, back.tensors[name]), f"{name} comes back with other values"

    def test_an_adapter_that_does_not_fit_is_refused(self) -> None:
        """One of another width or kind, with a tensor missing, or with numbers that are not finite."""
        for model, trainable in self._runs():
            method, artifact = self.make_method(), trainable.finish()
            config, tensors = method.to_peft(artifact, model.spec)
            cases = {
                "tensors of another width": (config, {name: tensor[..., 1:] for name, tensor in tensors.items()}),
                "another peft_type": ({**config, "peft_type": "SOMETHING_ELSE"}, tensors),
                "no tensors": (config, {}),
                "numbers that are not finite": (config, {name: tensor / 0 for name, tensor in tensors.items()}),
            }
            for what, (changed, changed_tensors) in cases.items():
                try:
                    method.from_peft(changed, changed_tensors, model.spec)
                except ArtifactError:
                    continue
                except Exception as error:
                    raise AssertionError(f"{what} raise {type(error).__name__}, not ArtifactError: {error}") from error
                raise AssertionError(f"{what} are accepted as an adapter of {model.spec.id}")

    def test_inputs_vary_as_the_generator_says_and_never_vanish(self) -> None:
        """A resumed run sees the inputs that an uninterrupted one would have seen."""
        for _, trainable in self._runs():
            for seed in range(50):
                ids = _IDS[: 1 + seed % len(_IDS)]
                first = list(trainable.vary_input(ids, Random(seed)))  # noqa: S311 - no secret
                second = list(trainable.vary_input(ids, Random(seed)))  # noqa: S311 - no secret
                assert first == second, "the same state of the generator varies an input in two ways"
                assert first, "an input was varied until nothing was left"

    def test_a_run_can_be_taken_up_where_it_was_left(self) -> None:
        """Checkpoints hold the tensors of groups and buffers, and nothing else of the method."""
        import torch

        for model, trainable in self._runs():
            for _ in range(3):
                self._update(model, trainable)
            resumed = self._start(model, seed=1)
            with torch.no_grad():
                for read in (_parameters, _buffers):
                    source, target = read(trainable), read(resumed)
                    assert list(source) == list(target), f"{sorted(source)} are to be restored into {sorted(target)}"
                    for name, tensor in source.items():
                        target[name].copy_(tensor)
            self._update(model, trainable)
            self._update(model, resumed)
            expected, found = trainable.finish().tensors, resumed.finish().tensors
            for name, tensor in expected.items():
                assert torch.equal(tensor, found[name]), f"{name} differs after the run was taken up"

    def _models(self) -> Iterator[LoadedModel]:
        for base in self.base_models():
            yield base.load(device="cpu", dtype="float32")

    def _runs(self) -> Iterator[tuple[LoadedModel, Trainable]]:
        for model in self._models():
            yield model, self._start(model)

    def _resolved(self, model: LoadedModel) -> ResolvedParameters:
        method = self.make_method()
        return resolve_parameters(self.parameters(), model.spec.recipe(method.id), method.unused_parameters)[0]

    def _start(self, model: LoadedModel, seed: int = 0) -> Trainable:
        return self._start_with(model, self._resolved(model), seed)

    def _start_with(self, model: LoadedModel, parameters: ResolvedParameters, seed: int = 0) -> Trainable:
        import torch

        generator = torch.Generator().manual_seed(seed)
        return self.make_method().start(model, parameters, _rows(model), generator)

    def _own(self, model: LoadedModel) -> Mapping[str, Any]:
        """The parameters that only the method knows, as a run has them."""
        return self._resolved(model).method_parameters

    def _loss(self, model: LoadedModel, trainable: Trainable) -> Tensor:
        """Mean loss over the tokens of three answers, as a trainer computes it."""
        from foreword.tuning.batches import collate
        from foreword.tuning.forward import answer_loss

        rows = _rows(model)
        loss = answer_loss(model)(collate(rows), trainable.contribute())
        return loss / sum(len(row.target_ids) for row in rows)

    def _update(self, model: LoadedModel, trainable: Trainable) -> None:
        """One step of plain gradient descent."""
        import torch

        self._loss(model, trainable).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        with torch.no_grad():
            for tensor in _parameters(trainable).values():
                if tensor.grad is not None:
                    tensor.sub_(tensor.grad, alpha=0.1)
                    tensor.grad = None
        trainable.after_step()


def _rows(model: LoadedModel) -> list[EncodedRow]:
    """Three rows, as a trainer encodes them."""
    from foreword.plugin.encoding import encode_input, encode_target

    return [
        EncodedRow(
            input_ids=tuple(encode_input(model.tokenizer, f"Complaint {number}")),
            target_ids=tuple(encode_target(model, target)),
        )
        for number, target in enumerate(_TARGETS)
    ]


def _parameters(trainable: Trainable) -> dict[str, Tensor]:
    """The tensors of all groups by name, in order."""
    found: dict[str, Tensor] = {}
    for group in trainable.groups:
        assert not found.keys() & group.parameters.keys(), "two groups have a tensor of the same name"
        found.update(group.parameters)
    return found


def _buffers(trainable: Trainable) -> dict[str, Tensor]:
    """What changes without being trained."""
    return dict(trainable.buffers)


def _tensors(contributions: Sequence[Contribution]) -> Iterator[Tensor]:
    """The tensors of contributions of any kind."""
    for contribution in contributions:
        for item in fields(contribution):
            value = getattr(contribution, item.name)
            yield from value.values() if isinstance(value, Mapping) else (value,)


def _prompt_length(contributions: Sequence[Contribution]) -> int:
    """Tokens of the context that contributions take."""
    from foreword.plugin.contributions import soft_prompt

    vectors_PD = soft_prompt(contributions)
    return 0 if vectors_PD is None else len(vectors_PD)


def _disturb(trainable: Trainable) -> None:
    """Moves the tensors as a long training would."""
    import torch

    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for tensor in (*_parameters(trainable).values(), *trainable.buffers.values()):
            if tensor.is_floating_point():
                tensor.add_(torch.randn(tensor.shape, generator=generator).to(tensor.device), alpha=0.5)


def _hooks(model: LoadedModel) -> list[tuple[str, int, bool]]:
    """What is hooked into each module, and whether its `forward` was replaced."""
    return [
        (
            name,
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks),
            "forward" in vars(module),
        )
        for name, module in model.module.named_modules()
    ]
