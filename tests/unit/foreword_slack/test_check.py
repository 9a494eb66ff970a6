"""Faults of the check that keep the bot from starting."""

from __future__ import annotations

from foreword_slack.check import Fault, find_blocking


def fault(team: str | None, **facts: bool) -> Fault:
    return Fault(where="here", problem="it is wrong", remedy="Mend it.", team=team, **facts)


def test_a_fault_of_one_workspace_does_not_stop_another():
    faults = [fault("T1"), fault("T2", serious=False), fault("T2", bearable=True)]

    assert find_blocking(faults, ["T1", "T2"]) == []
    assert find_blocking(faults, ["T1"]) == [faults[0]]


def test_a_fault_of_all_workspaces_keeps_the_bot_from_starting_unless_it_is_bearable():
    assert find_blocking([fault(None)], ["T1", "T2"]) == [fault(None)]
    assert find_blocking([fault(None, bearable=True)], ["T1", "T2"]) == []
