"""Rendering of canaries and shadows."""

from __future__ import annotations

from foreword.client import Canary, Deployment, DeploymentRevision, RevisionFigures, Rollout, RolloutState


def rollout_text(rollout: Rollout) -> str:
    """Return a rollout in a few words, such as `canary 10 %, running`, with its explanation if it has ended."""
    state = rollout.state.value.replace("_", " ")
    text = f"{kind_of(rollout)} {rollout.plan.share * 100:.3g}%, {state}"
    return f"{text}. {rollout.explanation}" if rollout.explanation else text


def figures_text(rollout: Rollout) -> str:
    """Return the figures of a rollout so far in one line, with when it ends at the latest."""
    end = "" if rollout.expire_time is None else f"; ends by {rollout.expire_time:%Y-%m-%d %H:%M} UTC"
    return f"{_figures(rollout)}{end}"


def _figures(rollout: Rollout) -> str:
    shadow, ours, theirs = rollout.shadow_figures, rollout.candidate_figures, rollout.stable_figures
    if rollout.state is RolloutState.WAITING:
        return "being probed"
    if shadow is not None:
        ratio = f" ({shadow.agreed / shadow.compared:.1%})" if shadow.compared else ""
        return (
            f"{shadow.compared} answers compared, {shadow.agreed} the same{ratio}, {shadow.errors} failed, "
            f"{shadow.shed} left out under load"
        )
    assert ours is not None
    assert theirs is not None
    goal = rollout.plan.promote_after_requests if isinstance(rollout.plan, Canary) else None
    count = f"{ours.requests} of {goal}" if goal else str(ours.requests)
    reasons = ", ".join(f"{reason} {number}" for reason, number in ours.error_reasons.items())
    facts = [f"{count} canary requests", f"{ours.errors} failed{f' ({reasons})' if reasons else ''}"]
    if ours.missed:
        facts.append(f"{ours.missed} callers waited in vain (stable: {theirs.missed} of {theirs.requests})")
    if ours.classifications:
        facts.append(f"abstained in {_share(ours)} (stable: {_share(theirs)})")
    if ours.median_seconds is not None:
        stable = f" (stable: {theirs.median_seconds * 1000:.0f} ms)" if theirs.median_seconds is not None else ""
        facts.append(f"median {ours.median_seconds * 1000:.0f} ms{stable}")
    return ", ".join(facts)


def outcome_text(deployment: Deployment, revision: DeploymentRevision) -> str:
    """Return in one sentence how the rollout of a revision ended."""
    assert revision.rollout is not None
    state = revision.rollout.state
    ended = "has expired" if state is RolloutState.EXPIRED else f"was {state.value.replace('_', ' ')}"
    return (
        f"The {kind_of(revision.rollout)} of revision {revision.revision} {ended}. {revision.rollout.explanation} "
        f"{deployment.serving_name} serves revision {deployment.serving_revision}."
    )


def ended_with(deployment: Deployment) -> DeploymentRevision | None:
    """Return the revision whose rollout the last change of a deployment has ended; None if it has ended none."""
    for item in deployment.revisions:
        if item.rollout is not None and item.rollout.end_time == deployment.update_time:
            return item
    return None


def kind_of(rollout: Rollout) -> str:
    """Return `canary` or `shadow`."""
    return "canary" if isinstance(rollout.plan, Canary) else "shadow"


def _share(figures: RevisionFigures) -> str:
    return f"{figures.abstentions / figures.classifications:.1%}" if figures.classifications else "none"
