from __future__ import annotations

import itertools

import pytest
import torch

from factories.near_ties import same_order
from factories.serving import DEPARTMENTS, SENTIMENT, load_adapter
from factories.tiny_models import CONTEXT_TOKENS, SHAPES, tiny_model
from foreword.domain.inference import GenerateParameters
from foreword.errors import ArtifactError, InvalidArgumentError
from foreword.inference.labels import extensions, label_rows, label_trie
from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.scored_sets import ScoredSets
from foreword.inference.labels.scoring import ScoreRow, Scoring
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.encoding import start_token
from foreword.plugin.interfaces import LabelSpace

TEXTS = ("Where are my sheets?", "I see a 2-door model in your TV ad, but why is that not available?")


def _rows(runner: ModelRunner) -> list[TextRow]:
    return [TextRow(text=text, adapter=load_adapter(runner, length, length)) for text in TEXTS for length in (0, 4, 11)]


def _scaled(runner: ModelRunner) -> list[TextRow]:
    """Return the same rows, and rows with factors, with and without a prompt."""
    adapters = [load_adapter(runner, length, length, scaled=True) for length in (0, 7)]
    return _rows(runner) + [TextRow(text=text, adapter=adapter) for text in TEXTS for adapter in adapters]


@torch.inference_mode()
def _plain_log_prob(runner: ModelRunner, row: TextRow, target: list[int]) -> float:
    """Return the result of a plain forward pass over one row and one answer."""
    module = runner.model.module
    embed = module.get_input_embeddings()
    embeds = embed(torch.tensor([runner.tokenize(row.text)]))
    if row.adapter:
        embeds = torch.cat([row.adapter.vectors_PD[None], embeds], dim=1)
    if module.config.is_encoder_decoder:
        decoder_ids = torch.tensor([[start_token(runner.model), *target[:-1]]])
        logits = module(inputs_embeds=embeds, decoder_input_ids=decoder_ids).logits[0]
    else:
        whole = torch.cat([embeds, embed(torch.tensor([target[:-1]]))], dim=1)
        logits = module(inputs_embeds=whole).logits[0, -len(target) :]
    return float(logits.log_softmax(-1).gather(1, torch.tensor(target)[:, None]).sum())


@pytest.mark.parametrize("space", [DEPARTMENTS, SENTIMENT], ids=["departments", "sentiment"])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_equal_those_of_a_plain_pass_over_each_answer(shape, space):
    runner = ModelRunner(tiny_model(shape))
    rows = _rows(runner)

    scored = runner.score_label_sets(rows, space)

    candidates = runner.candidates(space)
    for row, found in zip(rows, scored, strict=True):
        assert set(found.sets) >= set(candidates.sets)
        assert list(found.log_probs) == sorted(found.log_probs, reverse=True)
        for labels, log_prob in zip(found.sets, found.log_probs, strict=True):
            assert log_prob == pytest.approx(_plain_log_prob(runner, row, candidates.ids(labels)), abs=2e-4)


@pytest.mark.parametrize("shape", ["bart", "llama", "gpt2"])
def test_a_tree_in_one_pass_equals_each_answer_as_a_row_of_its_own(shape):
    runner = ModelRunner(tiny_model(shape))
    rows = _rows(runner)
    single = LabelSpace(labels=DEPARTMENTS.labels, separator=", ", multi_label=False, label_sets=DEPARTMENTS.label_sets)

    tree = runner.score_label_sets(rows, single)
    runner = ModelRunner(tiny_model(shape))
    runner.network.can_branch = False
    flat = runner.score_label_sets(rows, single)

    for one, other in zip(tree, flat, strict=True):
        assert dict(zip(one.sets, one.log_probs, strict=True)) == pytest.approx(
            dict(zip(other.sets, other.log_probs, strict=True)), abs=2e-4
        )


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_answers_spread_over_several_trees_score_the_same(shape, monkeypatch):
    runner = ModelRunner(tiny_model(shape))
    space = LabelSpace(labels=DEPARTMENTS.labels, separator=", ", multi_label=False, label_sets=DEPARTMENTS.label_sets)
    one_tree = runner.score_label_sets(_rows(runner), space)

    monkeypatch.setattr(label_trie, "MAX_NODES", 8)
    runner = ModelRunner(tiny_model(shape))
    several = runner.score_label_sets(_rows(runner), space)

    assert len(runner.candidates(space).parts) > 1
    for one, other in zip(one_tree, several, strict=True):
        assert dict(zip(one.sets, one.log_probs, strict=True)) == pytest.approx(
            dict(zip(other.sets, other.log_probs, strict=True)), abs=2e-4
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_in_a_mixed_batch_equal_those_alone(shape):
    runner = ModelRunner(tiny_model(shape))
    rows = _scaled(runner)

    together = runner.score_label_sets(rows, DEPARTMENTS)

    for row, found in zip(rows, together, strict=True):
        [alone] = runner.score_label_sets([row], DEPARTMENTS)
        log_probs = dict(zip(alone.sets, alone.log_probs, strict=True))
        assert dict(zip(found.sets, found.log_probs, strict=True)) == pytest.approx(log_probs, abs=2e-4)
        assert same_order(found.sets, log_probs)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_the_second_pass_finds_a_better_answer_with_one_label_more(shape):
    runner = ModelRunner(tiny_model(shape))
    labels = ("a", "b", "c")
    everything = tuple(subset for size in (1, 2) for subset in itertools.combinations(labels, size))
    known = LabelSpace(labels=labels, separator=" ", multi_label=True, label_sets=())
    whole = LabelSpace(labels=labels, separator=" ", multi_label=True, label_sets=everything)

    for row in _rows(runner):
        [found] = runner.score_label_sets([row], known)
        [expected] = runner.score_label_sets([row], whole)
        missed = sum(
            share for names, share in zip(expected.sets, expected.probabilities, strict=True) if names not in found.sets
        )
        assert missed < 0.01, "only negligible answers may be left out"


def _row_of(runner: ModelRunner, num_tokens: int, prompt: int) -> TextRow:
    """Return a row whose input has this number of tokens."""
    row = TextRow(text=" word" * (num_tokens - 2), adapter=load_adapter(runner, prompt))
    assert len(runner.tokenize(row.text)) == num_tokens
    return row


@pytest.mark.parametrize("prompt", [0, 20])
@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_the_longest_input_of_a_causal_model_leaves_room_for_the_longest_answer(shape, prompt):
    runner = ModelRunner(tiny_model(shape))
    candidates = runner.candidates(DEPARTMENTS)
    most = CONTEXT_TOKENS - prompt - candidates.longest + 1
    row = _row_of(runner, most, prompt)

    [found] = runner.score_label_sets([row], DEPARTMENTS)

    for labels, log_prob in zip(found.sets, found.log_probs, strict=True):
        assert log_prob == pytest.approx(_plain_log_prob(runner, row, candidates.ids(labels)), abs=2e-4)
    with pytest.raises(InvalidArgumentError) as caught:
        runner.score_label_sets([_row_of(runner, most + 2, prompt)], DEPARTMENTS)
    [violation] = caught.value.violations
    assert caught.value.reason == "TEXT_TOO_LONG"
    assert f"the longest answer needs {candidates.longest - 1}; at most {most} are left" in violation.description
    assert "by 2 tokens" in violation.description


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_an_answer_with_one_label_more_is_left_out_where_the_context_ends(shape):
    runner = ModelRunner(tiny_model(shape))
    space = LabelSpace(labels=("a", "b", "c b c b c b"), separator=", ", multi_label=True, label_sets=())
    candidates = runner.candidates(space)
    most = runner.longest_input(None, candidates)
    longer = [
        labels for labels in candidates.extend(candidates.sets) if len(candidates.ids(labels)) > candidates.longest
    ]
    assert longer

    [near_the_end, far_from_it] = runner.score_label_sets([_row_of(runner, most, 0), _row_of(runner, 20, 0)], space)

    assert set(far_from_it.sets) & set(longer)
    assert set(near_the_end.sets) >= set(candidates.sets)
    assert not set(near_the_end.sets) & set(longer)


@pytest.mark.parametrize(("shape", "most"), [("bart", CONTEXT_TOKENS), ("gpt2", CONTEXT_TOKENS - 4)])
def test_labels_that_no_input_leaves_room_for_are_refused_whatever_the_text(shape, most):
    runner = ModelRunner(tiny_model(shape))
    row = _row_of(runner, 3, prompt=4)

    def space(longest: int) -> LabelSpace:
        return LabelSpace(
            labels=("yes", " ".join(["word"] * (longest - 1))), separator=", ", multi_label=False, label_sets=()
        )

    with pytest.raises(InvalidArgumentError, match=f"labels: make answers of up to {most + 1} tokens.* for {most};"):
        runner.score_label_sets([row], space(most + 1))
    fitting = most if shape == "bart" else most - 2  # beside an input of 3 tokens
    [found] = runner.score_label_sets([row], space(fitting))
    assert max(found.token_counts) == fitting


def test_the_bound_of_an_answer_is_never_below_its_probability():
    from foreword.inference.labels.tree_pass import TreePass
    from foreword.inference.model.decoding_network import NetworkInput

    runner = ModelRunner(tiny_model("bart"))
    candidates = runner.candidates(DEPARTMENTS)
    [trie] = candidates.parts
    longer = list(candidates.extend(candidates.sets))
    row = TextRow(text=TEXTS[0], adapter=load_adapter(runner, 4))

    with torch.inference_mode():
        begun = runner.network.begin([NetworkInput(ids=runner.tokenize(row.text), adapter=row.adapter)])
        tree = TreePass(runner.network, *begun)
        tree.run([0], [trie])
        bounds = tree.bounds(0, [candidates.ids(labels) for labels in longer])

    assert len(longer) > 20
    for labels, bound in zip(longer, bounds, strict=True):
        assert bound >= _plain_log_prob(runner, row, candidates.ids(labels)) - 2e-4


def test_probabilities_are_shares_and_labels_sum_over_their_sets():
    runner = ModelRunner(tiny_model("bart"))
    [scored] = runner.score_label_sets([TextRow(text=TEXTS[0])], DEPARTMENTS)

    found = scored.classification(input_tokens=7, soft_prompt_tokens=0)

    assert sum(item.probability for item in found.label_sets) == pytest.approx(1)
    expected = sum(item.probability for item in found.label_sets if "Warehouse" in item.labels)
    assert found.label_probabilities["Warehouse"] == pytest.approx(expected)
    assert set(found.label_probabilities) == set(DEPARTMENTS.labels)
    assert found.usage.generated_tokens == scored.token_counts[0]


def test_label_sets_come_in_canonical_order_and_once():
    runner = ModelRunner(tiny_model("bart"))
    space = LabelSpace(
        labels=("Planning", "Marketing"),
        separator=", ",
        multi_label=True,
        label_sets=(("Marketing", "Planning"), ("Planning", "Marketing"), ("Planning",)),
    )
    assert sorted(runner.candidates(space).sets) == [("Marketing",), ("Planning",), ("Planning", "Marketing")]


def test_a_drawn_answer_repeats_with_its_seed_and_follows_the_probabilities():
    runner = ModelRunner(tiny_model("bart"))
    [scored] = runner.score_label_sets([TextRow(text=TEXTS[0])], SENTIMENT)
    draws = [scored.choose(GenerateParameters(sample=True, temperature=2.0, seed=seed)) for seed in range(300)]
    again = [scored.choose(GenerateParameters(sample=True, temperature=2.0, seed=seed)) for seed in range(300)]
    tempered = (torch.tensor(scored.log_probs) / 2).softmax(0)[0]

    assert draws == again
    assert draws.count(0) / 300 == pytest.approx(float(tempered), abs=0.1)
    assert scored.choose(GenerateParameters(sample=True, top_k=1, seed=5)) == 0
    assert scored.choose(GenerateParameters()) == 0


def test_the_error_about_a_model_that_overflows_names_the_prompt():
    from foreword.plugin.contributions import Embeds

    runner = ModelRunner(tiny_model("bart"))
    hostile = runner.load_adapter([Embeds(vectors_PD=torch.full((4, 16), 3e38))])
    good = TextRow(text=TEXTS[0])
    with pytest.raises(ArtifactError, match="overflow"):
        runner.score_label_sets([good, TextRow(text=TEXTS[0], adapter=hostile)], SENTIMENT)


def test_an_answer_of_a_single_token_needs_no_node():
    candidates = Candidates(SENTIMENT, lambda texts: [[int(text) + 5] for text in texts])
    [trie] = candidates.parts
    assert len(trie) == 0


def _score_in_turns(runner: ModelRunner, rows: list[TextRow], space: LabelSpace) -> list[ScoredSets]:
    """Score rows together, but after the first pass each row alone, in turns that leave some rows behind."""
    candidates = runner.candidates(space)
    scoring = Scoring(
        runner.network,
        [ScoreRow(ids=runner.tokenize(row.text), candidates=candidates, adapter=row.adapter) for row in rows],
    )
    with torch.inference_mode():
        scoring.run(scoring.unfinished)
        while waiting := scoring.unfinished:
            scoring.run(waiting[-1:])
    return [scoring.scored(place) for place in range(len(rows))]


@pytest.mark.parametrize("shape", SHAPES)
def test_passes_that_are_run_row_by_row_give_the_same_scores(shape, monkeypatch):
    monkeypatch.setattr(label_trie, "MAX_NODES", 8)
    monkeypatch.setattr(label_rows, "MAX_TOKENS", 24)
    runner = ModelRunner(tiny_model(shape))
    rows = _scaled(runner)

    whole = runner.score_label_sets(rows, DEPARTMENTS)
    turns = _score_in_turns(runner, rows, DEPARTMENTS)

    assert len(runner.candidates(DEPARTMENTS).parts) > 1
    for one, other in zip(whole, turns, strict=True):
        log_probs = dict(zip(one.sets, one.log_probs, strict=True))
        assert dict(zip(other.sets, other.log_probs, strict=True)) == pytest.approx(log_probs, abs=2e-4)
        assert same_order(other.sets, log_probs)


def test_a_pass_reads_as_many_tokens_as_it_announces(monkeypatch):
    runner = ModelRunner(tiny_model("llama"))
    monkeypatch.setattr(label_trie, "MAX_NODES", 8)
    row = TextRow(text=TEXTS[0], adapter=load_adapter(runner, 4))
    ids = runner.tokenize(row.text)
    score_row = ScoreRow(ids=ids, candidates=runner.candidates(DEPARTMENTS), adapter=row.adapter)
    scoring = Scoring(runner.network, [score_row])
    network, read = type(runner.network), []
    feed_many = network.feed_many

    def counted(self, rows, ids_BT, *arguments, **named):
        read.append(ids_BT.numel())
        return feed_many(self, rows, ids_BT, *arguments, **named)

    monkeypatch.setattr(network, "feed_many", counted)
    announced = []
    with torch.inference_mode():
        while scoring.unfinished:
            announced.append(scoring.next_tokens(0))
            scoring.run([0])
    # The soft prompt was read before, and the root counts although its result is kept from the first pass.
    assert announced == [read[0] + 4 + 1, *(tokens + 1 for tokens in read[1:])]
    assert max(announced[1:]) <= 9


def test_the_second_pass_chooses_among_the_likeliest_labels_within_its_limits(monkeypatch):
    runner = ModelRunner(tiny_model("bart"))
    labels = tuple(f"label {number}" for number in range(30))
    space = LabelSpace(labels=labels, separator=", ", multi_label=True, label_sets=())
    candidates = runner.candidates(space)
    encoded = []
    encode = candidates._encode

    def counted(texts):
        encoded.append(list(texts))
        return encode(texts)

    monkeypatch.setattr(candidates, "_encode", counted)
    monkeypatch.setattr(extensions, "_MAX_TOKENIZED", 10)
    monkeypatch.setattr(extensions, "MAX_EXTENSION_TOKENS", 30)
    log_probs = {answer: -1 - float(answer[0].split()[1]) for answer in candidates.sets}

    chosen = extensions.choose_extensions(candidates, log_probs, beam=2, max_tokens=100, bounds=None)

    assert encoded[0][:3] == ["label 0, label 1", "label 0, label 2", "label 1, label 2"]
    assert len(encoded[0]) == 10
    assert sum(map(len, chosen.values())) <= 30
    assert next(iter(chosen)) == ("label 0", "label 1")
