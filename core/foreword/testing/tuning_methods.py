"""The conformance tests of tuning methods."""

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
    """The conformance tests of a tuning method. Subclass it and override `make_method`.

    Each check runs on every model of `base_models`.
    """

    @abstractmethod
    def make_method(self) -> TuningMethod:
        """Return a new instance."""

    def parameters(self) -> TuneParameters:
        """Return the set parameters of a run; the recipe provides the others. Turn on any variation of inputs."""
        return TuneParameters(init_method="sample_vocab", num_virtual_tokens=4)

    def base_models(self) -> Sequence[BaseModel]:
        """Return small models to tune: one of each architecture that the method supports."""
        return [TinyModel(architecture) for architecture in Architecture]

    def test_it_describes_itself_and_its_parameters(self) -> None:
        """Catalogues and forms show the description."""
        method = self.make_method()
        check_identity(method, "display_name", "description")
        check_parameters(method.parameters)
        unknown = method.unused_parameters - {spec.name for spec in TUNE_PARAMETER_SPECS}
        assert not unknown, f"unused_parameters names {sorted(unknown)}, which are not common parameters"
        taken = {spec.name for spec in method.parameters} & {spec.name for spec in TUNE_PARAMETER_SPECS}
        assert not taken, f"parameters has {sorted(taken)}, which are common parameters; use those, or rename them"

    def test_its_methods_take_what_the_service_passes(self) -> None:
        """A method with other parameters would fail in the worker, when a run starts or ends."""
        check_signatures(self.make_method(), TuningMethod)
        for _, trainable in self._runs():
            check_signatures(trainable, Trainable)

    def test_an_unset_parameter_acts_like_its_default(self) -> None:
        """The service does not fill in defaults. Forms show them, and the method must apply them."""
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
                what = f"a run without {spec.name} differs from a run with its default {spec.default!r}"
                inputs = [list(run.vary_input(_IDS, Random(0))) for run in runs]  # noqa: S311 - no secret
                assert inputs[0] == inputs[1], what
                first, second = (run.finish().tensors for run in runs)
                assert list(first) == list(second), what
                assert all(torch.equal(tensor, second[name]) for name, tensor in first.items()), what

    def test_its_plan_matches_the_run(self) -> None:
        """Limits, costs and memory are computed from the plan, before anything is loaded."""
        for model, trainable in self._runs():
            plan = self.make_method().plan(model.spec, self._resolved(model))
            trained = sum(tensor.numel() for tensor in _parameters(trainable).values())
            assert plan.trainable_parameter_count == trained, (
                f"the plan has {plan.trainable_parameter_count} trainable parameters, but the run has {trained}"
            )
            artifact = trainable.finish()
            assert plan.context_tokens == artifact.context_tokens == _prompt_length(trainable.contribute()), (
                f"context_tokens is {plan.context_tokens} in the plan and {artifact.context_tokens} in the artifact, "
                f"but the contributions have {_prompt_length(trainable.contribute())} tokens"
            )
            served = sum(tensor.nbytes for tensor in _tensors(self.make_method().contributions(artifact)))
            assert served <= plan.resident_bytes <= 2 * served, (
                f"resident_bytes is {plan.resident_bytes} in the plan, but the contributions have {served} bytes"
            )

    def test_it_never_plans_more_than_the_context(self) -> None:
        """A prompt without room for a text is refused with the field before the run is created."""
        for model in self._models():
            parameters = self._resolved(model)
            if parameters.num_virtual_tokens is not None:
                parameters = replace(parameters, num_virtual_tokens=model.spec.context_tokens)
            try:
                plan = self.make_method().plan(model.spec, parameters)
            except InvalidArgumentError as error:
                wrong = [item.field for item in error.violations if not item.field.startswith("parameters.")]
                assert not wrong, f"violations name {wrong}; use fields below parameters"
            else:
                assert plan.context_tokens < model.spec.context_tokens, (
                    f"the prompt uses {plan.context_tokens} of {model.spec.context_tokens} tokens and leaves no room "
                    "for a text"
                )

    def test_the_same_seed_starts_the_same_run(self) -> None:
        """A run that is repeated, or resumed on another machine, must be the same run."""
        import torch

        for model in self._models():
            first, second = _parameters(self._start(model)), _parameters(self._start(model))
            assert list(first) == list(second), "names or order of the tensors differ between two starts"
            for name, tensor in first.items():
                assert torch.equal(tensor, second[name]), f"{name} starts differently with the same seed"

    def test_starting_uses_only_the_given_generator(self) -> None:
        """Other runs share the process, and their random numbers must not affect this run."""
        import torch

        for model in self._models():
            state = torch.random.get_rng_state()
            self._start(model)
            assert torch.equal(state, torch.random.get_rng_state()), (
                "start draws from torch's global generator; draw from the generator argument"
            )

    def test_the_base_model_stays_unchanged(self) -> None:
        """All runs and requests share it: its weights, hooks and modes must not change."""
        import torch

        for model in self._models():
            before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
            hooks = _hooks(model)
            trainable = self._start(model)
            trainable.contribute()
            trainable.finish()
            assert _hooks(model) == hooks, "the run changed hooks or methods of the base model"
            self._update(model, trainable)
            assert not model.module.training, "the run put the base model into training mode"
            after = model.module.state_dict()
            assert list(after) == list(before), "the run added or removed tensors of the base model"
            for name, tensor in before.items():
                assert torch.equal(tensor, after[name]), f"the run changed the base model's {name}"
            for name, parameter in model.module.named_parameters():
                assert not parameter.requires_grad, f"the base model's {name} can be trained"
                assert parameter.grad is None, f"a gradient reaches the base model's {name}"

    def test_gradients_reach_all_of_its_tensors(self) -> None:
        """The optimiser updates the tensors of the groups and nothing else."""
        import torch

        for model, trainable in self._runs():
            loss = self._loss(model, trainable)
            assert bool(torch.isfinite(loss)), f"the loss at the start is {loss.item()}"
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            for name, tensor in _parameters(trainable).items():
                assert tensor.is_leaf, f"{name} is computed, so an optimiser cannot update it; use a leaf tensor"
                assert tensor.dtype is torch.float32, f"{name} is trained in {tensor.dtype}; train in fp32"
                assert tensor.grad is not None, f"no gradient reaches {name}: contribute() must be differentiable"
                assert bool(torch.isfinite(tensor.grad).all()), f"the gradient of {name} is not finite"

    def test_contributions_follow_the_tensors(self) -> None:
        """They are computed again at every step."""
        import torch

        for _, trainable in self._runs():
            before = [tensor.detach().clone() for tensor in _tensors(trainable.contribute())]
            assert before, "the run has no contributions"
            _disturb(trainable)
            after = list(_tensors(trainable.contribute()))
            changed = any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
            assert changed, "contributions stay the same when the tensors change"

    def test_training_lowers_the_loss(self) -> None:
        """Any method can memorise three rows in a few updates."""
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
        """An artifact has a kind, is in fp32 on the CPU, and does not change during further training."""
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
                assert torch.equal(tensor, artifact.tensors[name]), f"{name} changes in further training; copy it"

    def test_served_contributions_equal_trained_ones(self) -> None:
        """The artifact has the contributions of the run at its end."""
        import torch

        for model, trainable in self._runs():
            self._update(model, trainable)
            trained = list(_tensors(trainable.contribute()))
            served = list(_tensors(self.make_method().contributions(trainable.finish())))
            assert len(trained) == len(served), f"the run has {len(trained)} contributed tensors, serving {len(served)}"
            if trainable.buffers:
                continue  # an average is not the last value
            for old, new in zip(trained, served, strict=True):
                assert torch.allclose(old.detach().cpu(), new, atol=1e-6), "the served values differ from the trained"

    def test_the_engine_serves_it(self) -> None:
        """It has an effect, both alone and in a batch with rows without an adapter."""
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
            assert adapter is not None, "the artifact has no contributions"
            assert effect > 0, "the contributions do not change the output of the base model"
            assert tuned == again, "two rows with the same adapter get different answers"
            assert plain == runner.generate(rows[1:2])[0], "an adapter in the batch changes a row without an adapter"

    def test_a_stored_adapter_is_read_back_unchanged(self) -> None:
        """Adapters are stored in PEFT's format, with tensors in safetensors."""
        import torch
        from safetensors.torch import load, save

        for model, trainable in self._runs():
            _disturb(trainable)
            method, artifact = self.make_method(), trainable.finish()
            config, tensors = method.to_peft(artifact, model.spec)
            check_json(config, "adapter_config.json")
            assert config.get("peft_type"), "adapter_config.json has no peft_type"
            try:
                stored = load(save(dict(tensors)))
            except (RuntimeError, ValueError) as error:
                raise AssertionError(f"safetensors cannot store the tensors: {error}") from error
            back = method.from_peft(config, stored, model.spec)
            there, here = (artifact.kind, artifact.context_tokens), (back.kind, back.context_tokens)
            assert here == there, f"kind and context tokens are {there} when stored and {here} when read back"
            assert set(back.tensors) == set(artifact.tensors), f"the tensors read back are {sorted(back.tensors)}"
            for name, tensor in artifact.tensors.items():
                assert torch.equal(tensor, back.tensors[name]), f"{name} has other values when read back"

    def test_an_adapter_that_does_not_fit_is_refused(self) -> None:
        """An adapter must have the right width and kind, all tensors, and finite numbers."""
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

    def test_variation_of_inputs_depends_on_the_generator_and_never_empties_them(self) -> None:
        """A resumed run must train on the same inputs as an uninterrupted one."""
        for _, trainable in self._runs():
            for seed in range(50):
                ids = _IDS[: 1 + seed % len(_IDS)]
                first = list(trainable.vary_input(ids, Random(seed)))  # noqa: S311 - no secret
                second = list(trainable.vary_input(ids, Random(seed)))  # noqa: S311 - no secret
                assert first == second, "vary_input returns two results for the same state of the generator"
                assert first, "vary_input returned an empty input"

    def test_a_run_starts_from_a_tuned_model_and_leaves_it_as_it_is(self) -> None:
        """A method that says so continues from the values of an artifact, which other runs may start from, too."""
        import torch

        for model, trainable in self._runs():
            method = self.make_method()
            if not method.starts_from_tuned_models:
                continue
            _disturb(trainable)
            artifact = trainable.finish()
            kept = {name: tensor.clone() for name, tensor in artifact.tensors.items()}
            started = method.start_from(artifact, model, self._resolved(model))
            pairs = zip(_tensors(method.contributions(artifact)), _tensors(started.contribute()), strict=True)
            assert all(torch.allclose(old, new.detach().cpu(), atol=1e-6) for old, new in pairs), (
                "the run starts with other contributions than those of the tuned model"
            )
            self._update(model, started)
            changed = [name for name, tensor in kept.items() if not torch.equal(tensor, artifact.tensors[name])]
            assert not changed, f"the run changes {changed} of the artifact that it starts from"

    def test_a_run_can_be_resumed(self) -> None:
        """Checkpoints contain only the tensors of groups and buffers of a method."""
        import torch

        for model, trainable in self._runs():
            for _ in range(3):
                self._update(model, trainable)
            resumed = self._start(model, seed=1)
            with torch.no_grad():
                for read in (_parameters, _buffers):
                    source, target = read(trainable), read(resumed)
                    assert list(source) == list(target), f"cannot restore {sorted(source)} into {sorted(target)}"
                    for name, tensor in source.items():
                        target[name].copy_(tensor)
            self._update(model, trainable)
            self._update(model, resumed)
            expected, found = trainable.finish().tensors, resumed.finish().tensors
            for name, tensor in expected.items():
                assert torch.equal(tensor, found[name]), f"{name} differs after the run was resumed"

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
        """Return the resolved parameters that are specific to the method."""
        return self._resolved(model).method_parameters

    def _loss(self, model: LoadedModel, trainable: Trainable) -> Tensor:
        """Return the mean loss over the tokens of three answers, as a run computes it."""
        from foreword.network.answer_loss import AnswerLoss

        rows = _rows(model)
        nats_B = AnswerLoss(model).nats(rows, [trainable.contribute()], [0] * len(rows))
        return nats_B.sum() / sum(len(row.target_ids) for row in rows)

    def _update(self, model: LoadedModel, trainable: Trainable) -> None:
        """Make one step of plain gradient descent."""
        import torch

        self._loss(model, trainable).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        with torch.no_grad():
            for tensor in _parameters(trainable).values():
                if tensor.grad is not None:
                    tensor.sub_(tensor.grad, alpha=0.1)
                    tensor.grad = None
        trainable.after_step()


def _rows(model: LoadedModel) -> list[EncodedRow]:
    """Return three rows, as a run encodes them."""
    from foreword.plugin.encoding import encode_input, encode_target

    return [
        EncodedRow(
            input_ids=tuple(encode_input(model.tokenizer, f"Complaint {number}")),
            target_ids=tuple(encode_target(model, target)),
        )
        for number, target in enumerate(_TARGETS)
    ]


def _parameters(trainable: Trainable) -> dict[str, Tensor]:
    """Return the tensors of all groups by name, in order."""
    found: dict[str, Tensor] = {}
    for group in trainable.groups:
        assert not found.keys() & group.parameters.keys(), "two groups have a tensor of the same name"
        found.update(group.parameters)
    return found


def _buffers(trainable: Trainable) -> dict[str, Tensor]:
    """Return the tensors that change without being trained."""
    return dict(trainable.buffers)


def _tensors(contributions: Sequence[Contribution]) -> Iterator[Tensor]:
    """Yield the tensors of contributions of any kind."""
    for contribution in contributions:
        for item in fields(contribution):
            value = getattr(contribution, item.name)
            yield from value.values() if isinstance(value, Mapping) else (value,)


def _prompt_length(contributions: Sequence[Contribution]) -> int:
    """Return the number of context tokens of contributions."""
    from foreword.plugin.contributions import soft_prompt

    vectors_PD = soft_prompt(contributions)
    return 0 if vectors_PD is None else len(vectors_PD)


def _disturb(trainable: Trainable) -> None:
    """Change the tensors as long training would."""
    import torch

    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for tensor in (*_parameters(trainable).values(), *trainable.buffers.values()):
            if tensor.is_floating_point():
                tensor.add_(torch.randn(tensor.shape, generator=generator).to(tensor.device), alpha=0.5)


def _hooks(model: LoadedModel) -> list[tuple[str, int, bool]]:
    """Return the number of hooks of each module, and whether its `forward` was replaced."""
    return [
        (
            name,
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks),
            "forward" in vars(module),
        )
        for name, module in model.module.named_modules()
    ]
