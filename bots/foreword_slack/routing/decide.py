"""The decision on a model's answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foreword.client import LabelSet
from foreword_slack.routing.decision import Decision, Guess, Reason, ReasonCode, Target
from foreword_slack.routing.policy import RoutingPolicy


def decide(guess: Guess | None, label_sets: Sequence[LabelSet], policy: RoutingPolicy) -> Decision:
    """Route a complaint to the predicted departments, or leave it to people in case of any doubt.

    Doubt about one label is doubt about the whole answer: a partial notification would look complete.

    Args:
        guess: The model's answer; None if there is none.
        label_sets: The likeliest label sets with their probabilities, likeliest first.
    """
    if guess is None:
        failed = Reason(code=ReasonCode.MODEL_FAILED, text="The model could not be called.")
        return Decision(reasons=(failed,))
    reasons = tuple(_doubts(guess, label_sets, policy))
    if reasons:
        return Decision(reasons=reasons, guess=guess)
    targets = (
        Target(label=label, channel=policy.departments[label].channel, probability=guess.scores.get(label, 0.0))
        for label in guess.labels
    )
    return Decision(targets=tuple(targets), guess=guess)


def _doubts(guess: Guess, label_sets: Sequence[LabelSet], policy: RoutingPolicy) -> Iterator[Reason]:
    if guess.labels and guess.threshold is None:
        yield Reason(
            code=ReasonCode.ABSTAINED,
            text=f"The model abstained: it is not known to be right in {policy.min_precision:.0%} of its answers with "
            f"{' and '.join(guess.labels)}.",
        )
    minimum = max(policy.abstain_below, guess.threshold or 0.0)
    if not guess.labels or guess.probability < minimum:
        yield Reason(
            code=ReasonCode.ABSTAINED,
            text=f"The model abstained: its best answer has {guess.probability:.0%}, but the minimum is {minimum:.0%}.",
        )
    for label in guess.labels:
        rule = policy.departments.get(label)
        probability = guess.scores.get(label, 0.0)
        if rule is None:
            yield Reason(code=ReasonCode.UNKNOWN_LABEL, text=f"No department has the label {label}.", label=label)
        elif probability < rule.threshold:
            yield Reason(
                code=ReasonCode.BELOW_THRESHOLD,
                text=f"{label} has {probability:.0%}, but the minimum is {rule.threshold:.0%}.",
                label=label,
            )
    margin = guess.probability - _runner_up(guess, label_sets)
    if guess.labels and margin < policy.margin:
        yield Reason(
            code=ReasonCode.SMALL_MARGIN,
            text=f"The second answer is only {max(margin, 0):.0%} less likely, but the minimum is {policy.margin:.0%}.",
        )


def _runner_up(guess: Guess, label_sets: Sequence[LabelSet]) -> float:
    """Return the probability of the likeliest label set other than the answer."""
    others = (item.probability for item in label_sets if set(item.labels) != set(guess.labels))
    return max(others, default=0.0)
