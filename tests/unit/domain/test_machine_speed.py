"""The speed of a machine, refined by updates."""

from __future__ import annotations

import pytest

from foreword.domain.machine_speed import MachineSpeed


def test_an_estimate_no_longer_counts_once_updates_were_observed():
    refined = MachineSpeed(seconds_per_token=9.0).refined(seconds=20.0, tokens=1000)

    assert refined == MachineSpeed(seconds_per_token=0.02, observed_tokens=1000)


def test_observations_count_by_their_tokens():
    speed = MachineSpeed(seconds_per_token=0.02, observed_tokens=3000)

    assert speed.refined(seconds=40.0, tokens=1000).seconds_per_token == pytest.approx(0.025)


def test_the_speed_follows_a_machine_that_has_changed_however_much_was_observed_before():
    speed = MachineSpeed(seconds_per_token=0.02, observed_tokens=10**12)

    for _ in range(20):
        speed = speed.refined(seconds=0.01 * 500_000, tokens=500_000)

    assert speed.seconds_per_token == pytest.approx(0.01, rel=0.001)
