from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from factories.runs import make_parameters, make_plan_of, make_rows, make_run
from factories.tiny_models import SHAPES, tiny_model
from foreword.domain.base_model import Architecture
from foreword.domain.experiment import Phase
from foreword.errors import ArtifactError, FailedPreconditionError
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.contributions import soft_prompt
from foreword.testing.tiny_models import TinyModel
from foreword.tuning.batches import encode_rows
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.runs.checkpoint import pack, unpack
from foreword.tuning.runs.fingerprint import run_fingerprint
from foreword_methods.ia3 import IA3
from foreword_tasks.classification import Classification


def _prompt(run) -> torch.Tensor:
    return run.result().artifact.tensors["prompt_embeddings"]


def _finished(model, rows, parameters, **arguments):
    run = make_run(model, rows, parameters, **arguments)
    return run, list(tune(run))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_run_lowers_the_loss_and_leaves_the_base_model_unchanged(shape, optimizer):
    model = tiny_model(shape)
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    parameters = make_parameters(
        num_epochs=10, batch_size=9, learning_rate=0.3, optimizer=optimizer, num_virtual_tokens=8
    )

    _, reports = _finished(model, make_rows(), parameters)

    assert reports[-1].loss < reports[0].loss - 0.1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert not model.module.training


def test_the_same_seed_gives_the_same_prompt_and_another_seed_another():
    model, rows = tiny_model("bart"), make_rows()

    first, _ = _finished(model, rows, make_parameters(seed=1))
    second, _ = _finished(model, rows, make_parameters(seed=1))
    other, _ = _finished(model, rows, make_parameters(seed=2))

    assert torch.equal(_prompt(first), _prompt(second))
    assert not torch.equal(_prompt(first), _prompt(other))


@pytest.mark.parametrize("shape", ["bart", "llama"])
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_run_resumed_at_any_update_ends_bit_for_bit_where_an_uninterrupted_one_does(shape, optimizer):
    model, rows = tiny_model(shape), make_rows()
    parameters = make_parameters(
        optimizer=optimizer, refit=True, method_parameters={"token_dropout": 0.2, "averaging": 0.9}
    )
    metrics = [0.5, 0.25]
    whole, reports = _finished(model, rows, parameters, evaluate=lambda _: metrics[0])

    states = []
    run = make_run(model, rows, parameters, evaluate=lambda _: metrics[0])
    states = [run.state() for _ in tune(run)]

    for step in (1, 3, 4, 7, len(states) - 1):
        resumed = make_run(model, rows, parameters, evaluate=lambda _: metrics[0], state=states[step - 1])
        assert resumed.step == step
        rest = list(tune(resumed))
        assert [report.loss for report in rest] == [report.loss for report in reports[step:]]
        assert torch.equal(_prompt(resumed), _prompt(whole))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_factors_are_tuned_by_the_same_loop_and_resume_bit_for_bit(shape, optimizer):
    model, rows = tiny_model(shape), make_rows()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    parameters = make_parameters(
        num_epochs=6, learning_rate=0.1, optimizer=optimizer, refit=True,
        method_parameters={"token_dropout": 0.2, "averaging": 0.9},
    )  # fmt: skip
    arguments = {"method": IA3(), "evaluate": lambda _: 0.5}
    whole = make_run(model, rows, parameters, **arguments)
    states, reports = [], []
    for report in tune(whole):
        reports.append(report)
        states.append(whole.state())

    resumed = make_run(model, rows, parameters, state=states[7], **arguments)
    rest = list(tune(resumed))

    assert reports[17].loss < reports[0].loss
    assert [report.loss for report in rest] == [report.loss for report in reports[8:]]
    factors, again = whole.result().artifact.tensors, resumed.result().artifact.tensors
    assert all(torch.equal(factors[name], again[name]) for name in factors)
    projections = [model.module.get_submodule(site.module) for site in model.spec.sites]
    assert not any(projection._forward_hooks or projection._forward_pre_hooks for projection in projections)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())


def test_a_checkpoint_of_another_run_is_refused():
    model, rows = tiny_model("bart"), make_rows()
    state = make_run(model, rows, make_parameters(seed=1)).state()

    with pytest.raises(ArtifactError, match="another run"):
        make_run(model, rows, make_parameters(seed=2), state=state)


def test_a_checkpoint_of_the_version_before_is_resumed_and_one_of_a_later_version_is_refused():
    model, rows, parameters = tiny_model("bart"), make_rows(), make_parameters()
    run = make_run(model, rows, parameters)
    next(tune(run))
    tensors, header = unpack(run.state())

    assert make_run(model, rows, parameters, state=pack(tensors, header | {"version": 1})).step == 1
    with pytest.raises(ArtifactError, match="another run or version"):
        make_run(model, rows, parameters, state=pack(tensors, header | {"version": 3}))


def test_a_checkpoint_of_rows_that_were_encoded_differently_is_refused():
    model, rows = tiny_model("bart"), make_rows()
    state = make_run(model, rows, make_parameters()).state()
    other = replace(model, tokenizer=TinyModel(Architecture.ENCODER_DECODER).load_tokenizer())

    with pytest.raises(ArtifactError, match="another run"):
        make_run(other, rows, make_parameters(), state=state)


@pytest.mark.parametrize("change", [{"id": "tiny--other"}, {"revision": "2"}])
def test_a_checkpoint_of_another_base_model_or_other_weights_is_refused(change):
    model, rows = tiny_model("bart"), make_rows()
    state = make_run(model, rows, make_parameters()).state()
    other = replace(model, spec=replace(model.spec, **change))

    with pytest.raises(ArtifactError, match="another run"):
        make_run(other, rows, make_parameters(), state=state)


def test_a_checkpoint_of_another_tuning_method_is_refused():
    model, rows = tiny_model("bart"), make_rows()
    state = make_run(model, rows, make_parameters()).state()

    with pytest.raises(ArtifactError, match="another run"):
        make_run(model, rows, make_parameters(), method=IA3(), state=state)


def test_runs_that_hold_out_different_rows_have_different_fingerprints():
    rows = make_rows()
    plan = make_plan_of(rows, make_parameters())
    encoded = encode_rows(rows, model=tiny_model("bart"), task=Classification(), plan=plan, verbalizer="{{input}}")
    fingerprint = partial(
        run_fingerprint, plan, base_model=tiny_model("bart").spec, tuning_type="prompt_tuning", verbalizer="{{input}}",
        rows=rows, encoded=encoded,
    )  # fmt: skip

    assert fingerprint(held_out=rows[:3]) == fingerprint(held_out=rows[:3]) != fingerprint(held_out=rows[1:4])


def test_validation_rows_are_held_out_instead_of_a_share_and_a_checkpoint_belongs_to_them():
    model, rows, parameters = tiny_model("bart"), make_rows(), make_parameters(validation_split=0.0)
    validation_rows = make_rows(3)
    run = make_run(model, rows, parameters, validation_rows=validation_rows)
    state = run.state()

    assert run.training_rows == tuple(rows)
    assert run.validation_rows == tuple(validation_rows)
    make_run(model, rows, parameters, validation_rows=validation_rows, state=state)
    for others in (validation_rows[:2], [replace(row, output="Service") for row in validation_rows], ()):
        with pytest.raises(ArtifactError, match="another run"):
            make_run(model, rows, parameters, validation_rows=others, state=state)


@pytest.mark.parametrize("state", [b"", b"\x80\x04pickle", b"0" * 100])
def test_bytes_that_are_not_a_checkpoint_are_refused_and_never_unpickled(state):
    with pytest.raises(ArtifactError, match="cannot be read"):
        make_run(tiny_model("bart"), make_rows(), make_parameters(), state=state)


def test_the_last_window_of_an_epoch_is_averaged_over_its_own_tokens():
    """Earlier tools divide a partial window by the full number of accumulated batches, which shrinks its gradient."""
    model, rows = tiny_model("bart"), make_rows(10)
    common = {"num_epochs": 1, "validation_split": 0.0, "warmup_ratio": 0.0, "max_gradient_norm": 0.0}

    accumulated, in_parts = _finished(model, rows, make_parameters(batch_size=4, accumulate_steps=8, **common))
    whole, at_once = _finished(model, rows, make_parameters(batch_size=16, accumulate_steps=1, **common))

    assert len(in_parts) == len(at_once) == 1
    assert in_parts[0].loss == pytest.approx(at_once[0].loss, rel=1e-5)
    torch.testing.assert_close(_prompt(accumulated), _prompt(whole), rtol=1e-4, atol=1e-5)


def test_the_schedule_is_counted_in_updates_and_not_in_batches():
    parameters = make_parameters(batch_size=2, accumulate_steps=2, num_epochs=4, warmup_ratio=0.0, schedule="linear")

    _, reports = _finished(tiny_model("bart"), make_rows(), parameters)

    rates = [report.learning_rate for report in reports]
    assert len(rates) == reports[0].total_steps == 12
    assert rates == pytest.approx([parameters.learning_rate * (1 - step / 12) for step in range(12)])


def test_the_held_out_loss_is_the_mean_over_true_answer_tokens():
    """Earlier tools divide it by the number of training batches, or by padded positions."""
    model, rows = tiny_model("bart"), make_rows()
    seen = []
    run = make_run(
        model, rows, make_parameters(num_epochs=1, batch_size=2), evaluate=lambda items: seen.append(items) or 0.0
    )

    report = list(tune(run))[-1]

    loss, plan = AnswerLoss(model), make_plan_of(rows, make_parameters())
    held_out = encode_rows(run.validation_rows, model=model, task=Classification(), plan=plan, verbalizer="{{input}}")
    with torch.no_grad():
        nats = sum(float(loss.nats([row], [seen[0]], [0])) for row in held_out)
    tokens = sum(len(row.target_ids) for row in held_out)
    assert report.validation_loss == pytest.approx(nats / tokens, rel=1e-5)


def test_the_epoch_with_the_best_metric_is_kept():
    metrics = iter([0.2, 0.8, 0.5])
    prompts = []

    def measure(contributions):
        prompts.append(soft_prompt(contributions).clone())
        return next(metrics)

    run, _ = _finished(tiny_model("bart"), make_rows(), make_parameters(num_epochs=3), evaluate=measure)

    assert run.result().best_epoch == 2
    assert run.result().best_metric == 0.8
    assert torch.equal(_prompt(run), prompts[1])


def test_the_last_epoch_is_kept_if_keep_best_is_off():
    metrics = iter([0.8, 0.2])
    prompts = []

    def measure(contributions):
        prompts.append(soft_prompt(contributions).clone())
        return next(metrics)

    run, _ = _finished(tiny_model("bart"), make_rows(), make_parameters(keep_best=False), evaluate=measure)

    assert torch.equal(_prompt(run), prompts[-1])


def test_a_refit_trains_on_all_rows_for_the_best_number_of_epochs_and_is_not_the_evaluated_artifact():
    metrics = iter([0.2, 0.8, 0.5])
    rows = make_rows()
    parameters = make_parameters(num_epochs=3, refit=True)

    run, reports = _finished(tiny_model("bart"), rows, parameters, evaluate=lambda _: next(metrics))

    refit = [report for report in reports if report.phase is Phase.REFITTING]
    assert sum(report.rows for report in refit) == 2 * len(rows)
    assert all(report.validation_loss is None for report in refit)
    assert run.result().refitted
    assert not torch.equal(_prompt(run), run.result().evaluated.tensors["prompt_embeddings"])


def test_without_held_out_rows_all_are_trained_on_and_nothing_is_measured():
    rows = make_rows()
    parameters = make_parameters(validation_split=0.0, refit=True)

    run, reports = _finished(tiny_model("bart"), rows, parameters)

    assert sum(report.rows for report in reports) == 2 * len(rows)
    assert run.validation_rows == ()
    assert {report.validation_loss for report in reports} == {None}


def test_a_run_that_diverges_fails_with_the_remedy():
    model = tiny_model("bart")
    reports = tune(make_run(model, make_rows(), make_parameters()))
    next(reports)
    with torch.no_grad():
        model.module.final_logits_bias.fill_(float("nan"))

    with pytest.raises(FailedPreconditionError, match="learning_rate below"):
        next(reports)


def test_token_dropout_leaves_out_words_but_never_special_tokens_and_averaging_smooths_the_prompt():
    model, rows = tiny_model("bart"), make_rows()

    plain, _ = _finished(model, rows, make_parameters())
    dropped, _ = _finished(model, rows, make_parameters(method_parameters={"token_dropout": 0.3}))
    averaged, _ = _finished(model, rows, make_parameters(method_parameters={"averaging": 0.9}))

    assert not torch.equal(_prompt(plain), _prompt(dropped))
    assert not torch.equal(_prompt(plain), _prompt(averaged))


def test_the_total_number_of_updates_includes_the_refit():
    run = make_run(tiny_model("bart"), make_rows(), make_parameters(refit=True))

    assert run.total_steps == 2 * 3 + 2 * 3


def test_a_run_whose_last_update_ruins_it_diverges_at_the_held_out_rows():
    rows = make_rows()
    parameters = make_parameters(num_epochs=1, batch_size=len(rows), learning_rate=1e37, max_gradient_norm=0.0)
    run = make_run(tiny_model("bart"), rows, parameters)

    with pytest.raises(FailedPreconditionError, match="held-out rows is not a number after epoch 1") as caught:
        list(tune(run))

    assert caught.value.reason == "TUNING_DIVERGED"
