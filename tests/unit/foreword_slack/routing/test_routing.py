from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from foreword.client import LabelSet
from foreword_slack.routing import DepartmentRule, Guess, ReasonCode, RoutingPolicy, decide

LABELS = ("Warehouse", "Packaging", "Service")


def policy(*labels: str, threshold: float = 0.5, margin: float = 0.1, abstain_below: float = 0.0) -> RoutingPolicy:
    rules = [
        DepartmentRule(label=label, title=label, channel=f"C{label.upper()}", threshold=threshold)
        for label in labels or LABELS
    ]
    return RoutingPolicy(departments={rule.label: rule for rule in rules}, margin=margin, abstain_below=abstain_below)


def guess(*labels: str, probability: float = 0.8, **scores: float) -> Guess:
    return Guess(labels=labels, probability=probability, scores=scores or dict.fromkeys(labels, probability))


def sets(*pairs: tuple[tuple[str, ...], float]) -> list[LabelSet]:
    return [LabelSet(labels=labels, probability=probability) for labels, probability in pairs]


def codes(decision) -> list[ReasonCode]:
    return [reason.code for reason in decision.reasons]


def test_a_sure_answer_goes_to_all_of_its_departments():
    decision = decide(guess("Warehouse", "Packaging"), sets((("Warehouse", "Packaging"), 0.8), ((), 0.2)), policy())

    assert [(target.label, target.channel) for target in decision.targets] == [
        ("Warehouse", "CWAREHOUSE"),
        ("Packaging", "CPACKAGING"),
    ]
    assert not decision.review


def test_one_doubtful_label_sends_the_whole_answer_to_review():
    decision = decide(guess("Warehouse", "Packaging", Warehouse=0.9, Packaging=0.4), (), policy())

    assert decision.review
    assert codes(decision) == [ReasonCode.BELOW_THRESHOLD]
    assert decision.reasons[0].label == "Packaging"


def test_an_answer_close_to_the_next_one_is_doubted():
    close = sets((("Warehouse",), 0.5), (("Service",), 0.45))

    assert codes(decide(guess("Warehouse", probability=0.5), close, policy())) == [ReasonCode.SMALL_MARGIN]


def test_an_abstention_keeps_the_guess():
    decision = decide(guess("Warehouse", probability=0.6), (), policy(abstain_below=0.7))

    assert codes(decision) == [ReasonCode.ABSTAINED]
    assert decision.guess.labels == ("Warehouse",)


def test_an_answer_that_does_not_reach_the_threshold_of_the_wanted_precision_goes_to_people():
    precise = replace(policy(), min_precision=0.9)

    missed = decide(replace(guess("Warehouse", probability=0.6), threshold=0.7), (), precise)
    unknown = decide(replace(guess("Warehouse", probability=0.99), threshold=None), (), precise)

    assert codes(missed) == codes(unknown) == [ReasonCode.ABSTAINED]
    assert "the minimum is 70%" in missed.reasons[0].text
    assert "not known to be right in 90% of its answers with Warehouse" in unknown.reasons[0].text
    assert decide(replace(guess("Warehouse", probability=0.7), threshold=0.7), (), precise).targets


def test_a_label_without_department_is_named():
    decision = decide(guess("Finance"), (), policy())

    assert codes(decision) == [ReasonCode.UNKNOWN_LABEL]
    assert "Finance" in decision.reasons[0].text


def test_a_model_that_failed_leaves_it_to_people():
    assert codes(decide(None, (), policy())) == [ReasonCode.MODEL_FAILED]


probabilities = st.floats(0, 1)
guesses = st.builds(
    lambda labels, probability, scores: Guess(labels=tuple(labels), probability=probability, scores=scores),
    st.lists(st.sampled_from([*LABELS, "Finance"]), unique=True, max_size=3),
    probabilities,
    st.dictionaries(st.sampled_from([*LABELS, "Finance"]), probabilities),
)
label_sets = st.lists(
    st.builds(
        lambda labels, probability: LabelSet(labels=tuple(labels), probability=probability),
        st.lists(st.sampled_from(LABELS), unique=True, max_size=3),
        probabilities,
    ),
    max_size=4,
)
policies = st.builds(
    lambda threshold, margin, abstain: policy(threshold=threshold, margin=margin, abstain_below=abstain),
    probabilities,
    probabilities,
    probabilities,
)


@given(guesses, label_sets, policies)
def test_a_decision_is_either_departments_or_reasons(said, ranked, rules):
    decision = decide(said, ranked, rules)

    assert bool(decision.targets) != bool(decision.reasons)


@given(guesses, label_sets, policies)
def test_every_notified_department_is_configured_certain_and_in_the_answer(said, ranked, rules):
    decision = decide(said, ranked, rules)

    for target in decision.targets:
        rule = rules.departments[target.label]
        assert target.channel == rule.channel
        assert target.label in said.labels
        assert said.scores.get(target.label, 0.0) >= rule.threshold
    assert decision.review or [target.label for target in decision.targets] == list(said.labels)


@given(guesses, label_sets, probabilities, probabilities)
def test_a_higher_threshold_never_routes_more(said, ranked, one, other):
    low, high = sorted((one, other))

    if decide(said, ranked, policy(threshold=high)).targets:
        assert decide(said, ranked, policy(threshold=low)).targets


@given(guesses, label_sets, policies)
def test_the_answer_of_the_model_is_never_changed(said, ranked, rules):
    assert decide(said, ranked, rules).guess == said
