"""Routing of complaints: pure functions from a classification and thresholds to a decision."""

from foreword_slack.routing.decide import decide
from foreword_slack.routing.decision import Decision, Guess, Reason, ReasonCode, Target
from foreword_slack.routing.policy import DepartmentRule, RoutingPolicy

__all__ = ["Decision", "DepartmentRule", "Guess", "Reason", "ReasonCode", "RoutingPolicy", "Target", "decide"]
