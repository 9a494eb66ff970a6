"""Each alert fires on a fault and stays quiet in a good hour, as promtool evaluates the rules."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from factories.monitoring import FOLDER, every_alert, needs_prometheus

RULES = FOLDER.parent / "prometheus" / "alerts.yaml"
CLASSIFY = 'rpc="InferenceService/Classify"'
HOUR = 60
Series = Mapping[str, str]
"""Values by series, in promtool's notation: `0+5x60` begins at 0 and adds 5 a minute for an hour."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Made-up series on which an alert fires, and others on which it does not.

    Attributes:
        minutes: Time of the evaluation.
    """

    fires: Series
    quiet: Series
    minutes: int = HOUR


def requests(code: str, per_minute: int) -> Series:
    return {f'foreword_request_duration_seconds_count{{code="{code}"}}': f"0+{per_minute}x60"}


def answered(within: float) -> Series:
    bounds = (0.1, 1, 10)
    return {
        **{
            f'foreword_request_duration_seconds_bucket{{{CLASSIFY}, le="{bound}"}}': f"0+{100 * (bound >= within)}x60"
            for bound in bounds
        },
        f'foreword_request_duration_seconds_bucket{{{CLASSIFY}, le="+Inf"}}': "0+100x60",
    }


def acknowledged(within: float) -> Series:
    return {
        **{
            f'foreword_slack_ack_seconds_bucket{{le="{bound}"}}': f"0+{10 * (bound >= within)}x60"
            for bound in (0.1, 2, 3)
        },
        'foreword_slack_ack_seconds_bucket{le="+Inf"}': "0+10x60",
    }


def decisions(auto: str, review: str, corrected: str = "0x1152") -> Series:
    return {
        'foreword_slack_complaints_total{team="T1", outcome="auto"}': auto,
        'foreword_slack_complaints_total{team="T1", outcome="review"}': review,
        'foreword_slack_corrected_complaints_total{team="T1"}': corrected,
    }


WEEK = 7 * 144
STEADY, NONE = "0+1x1152", "0x1152"
"""Eight days, in steps of ten minutes."""

CASES: Mapping[str, Case] = {
    "ForewordDown": Case(
        fires={'up{job="foreword-worker", instance="a"}': "0x60"},
        quiet={'up{job="foreword-worker", instance="a"}': "1x60"},
    ),
    "ForewordErrorRatio": Case(
        fires={**requests("OK", 100), **requests("INTERNAL", 5)},
        quiet={**requests("OK", 100), **requests("NOT_FOUND", 50)},
    ),
    "ForewordSlowAnswers": Case(fires=answered(10), quiet=answered(0.1)),
    "ForewordQueueGrowing": Case(
        fires={'foreword_queue_depth{instance="a"}': "1+2x60"},
        quiet={'foreword_queue_depth{instance="a"}': "0+1x40 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0 1"},
    ),
    "ForewordHttpConnectionsRefused": Case(
        fires={
            'foreword_http_open_connections{instance="a"}': "2000x60",
            'foreword_http_refused_connections_total{instance="a", limit="all"}': "0+5x60",
        },
        quiet={
            'foreword_http_open_connections{instance="a"}': "20x60",
            'foreword_http_refused_connections_total{instance="a", limit="all"}': "0x60",
            'foreword_http_refused_connections_total{instance="a", limit="address"}': "0+5x60",
        },
    ),
    "ForewordRefusals": Case(
        fires={**requests("OK", 100), **requests("RESOURCE_EXHAUSTED", 10)},
        quiet={**requests("OK", 100), **requests("RESOURCE_EXHAUSTED", 1)},
    ),
    "ForewordWebhooksOverdue": Case(
        fires={'foreword_webhook_overdue_seconds{instance="a"}': "0+60x60"},
        quiet={'foreword_webhook_overdue_seconds{instance="a"}': "0+3x60"},
    ),
    "ForewordDatabaseUnavailable": Case(
        fires={'foreword_database_unavailable_total{instance="a", job="j"}': "0+1x60"},
        quiet={'foreword_database_unavailable_total{instance="a", job="j"}': "3x60"},
    ),
    "ForewordEventLoopHeld": Case(
        fires={'foreword_event_loop_holds_total{instance="a"}': "0+3x60"},
        quiet={'foreword_event_loop_holds_total{instance="a"}': "0x50 5x10"},
    ),
    "ForewordDrift": Case(
        fires={'foreword_drift_detected{tenant="acme", deployment="complaints", instance="a"}': "0x10 1x50"},
        quiet={'foreword_drift_detected{tenant="acme", deployment="complaints", instance="a"}': "1x20 0x15 1x24"},
    ),
    "ForewordJobsWaiting": Case(
        fires={'foreword_oldest_queued_job_seconds{kind="tune"}': "1000+60x60"},
        quiet={'foreword_oldest_queued_job_seconds{kind="tune"}': "0+30x60"},
    ),
    "ForewordCheckpointOld": Case(
        fires={'foreword_checkpoint_age_seconds{instance="a"}': "0+60x60"},
        quiet={'foreword_checkpoint_age_seconds{instance="a"}': "30x60"},
    ),
    "ForewordJobsFail": Case(
        fires={
            'foreword_job_ends_total{kind="tune", outcome="failed"}': "0+1x60",
            'foreword_job_ends_total{kind="tune", outcome="succeeded"}': "0x60",
        },
        quiet={
            'foreword_job_ends_total{kind="tune", outcome="failed"}': "0+1x60",
            'foreword_job_ends_total{kind="tune", outcome="succeeded"}': "0+2x60",
        },
    ),
    "ForewordSlackSlowAnswers": Case(fires=acknowledged(3), quiet=acknowledged(0.1)),
    "ForewordSlackPostsLate": Case(
        fires={'foreword_slack_outbox_oldest_seconds{team="T1"}': "0+60x60"},
        quiet={'foreword_slack_outbox_oldest_seconds{team="T1"}': "5x60"},
    ),
    "ForewordSlackSilent": Case(
        fires={
            "foreword_slack_socket_connected": "2x1152",
            "foreword_slack_last_event_age_seconds": f"0x{WEEK} 0+600x143",
            'foreword_slack_intake_payloads_total{outcome="received"}': f"0+1x{WEEK}",
        },
        quiet={  # a week ago, it was as silent
            "foreword_slack_socket_connected": "2x1152",
            "foreword_slack_last_event_age_seconds": "0+600x1152",
            'foreword_slack_intake_payloads_total{outcome="received"}': "7x1152",
        },
        minutes=11_490,
    ),
    "ForewordSlackTokenRevoked": Case(
        fires={'foreword_slack_installed{team="T1"}': "0x60"}, quiet={'foreword_slack_installed{team="T1"}': "1x60"}
    ),
    "ForewordSlackPluginsFail": Case(
        fires={'foreword_slack_plugin_calls_now{team="T1",state="given_up"}': "0x20 2x40"},
        quiet={
            'foreword_slack_plugin_calls_now{team="T1",state="given_up"}': "0x60",
            'foreword_slack_plugin_calls_now{team="T1",state="pending"}': "9x60",
        },
    ),
    "ForewordSlackReviewShareDoubled": Case(
        fires=decisions(STEADY, f"0+0.1x{WEEK} 101+1x143"), quiet=decisions(STEADY, STEADY), minutes=11_490
    ),
    "ForewordSlackCorrectionsUp": Case(
        fires=decisions(STEADY, NONE, f"0+0.05x{WEEK} 50+0.5x143"),
        quiet=decisions(STEADY, NONE, "0+0.5x1152"),
        minutes=11_490,
    ),
    "ForewordSlackComplaintsFail": Case(
        fires={'foreword_slack_failed_complaints_total{team="T1"}': "0x30 1x30"},
        quiet={'foreword_slack_failed_complaints_total{team="T1"}': "4x60"},
    ),
}


def step(minutes: int) -> str:
    """Return the time between two values of a series."""
    return "1m" if minutes == HOUR else "10m"


def firing(folder: Path, series: Mapping[str, Series]) -> set[str]:
    """Return the alerts that fire, each evaluated on its own series."""
    files = []
    for minutes in {case.minutes for case in CASES.values()}:
        tests = [
            {
                "name": name,
                "interval": step(minutes),
                "input_series": [{"series": key, "values": values} for key, values in mine.items()],
                "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": []}],
            }
            for name, mine in series.items()
            if CASES[name].minutes == minutes
        ]
        interval = "5m" if minutes == HOUR else "30m"  # the queries over a week take long
        files.append(folder / f"{minutes}.yaml")
        files[-1].write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": interval, "tests": tests}))
    run = subprocess.run(["promtool", "test", "rules", *files], capture_output=True, text=True, check=False)
    found = set(re.findall(r"alertname: (\w+)", run.stdout + run.stderr))
    assert found or run.returncode == 0, run.stdout + run.stderr
    assert "err:" not in run.stdout + run.stderr
    return found


def test_every_alert_has_a_case_of_both_kinds() -> None:
    assert set(CASES) == {alert.name for alert in every_alert()}


@needs_prometheus
def test_no_alert_fires_in_a_good_hour(tmp_path: Path) -> None:
    assert firing(tmp_path, {name: case.quiet for name, case in CASES.items()}) == set()


@needs_prometheus
def test_each_alert_fires_on_its_fault(tmp_path: Path) -> None:
    assert firing(tmp_path, {name: case.fires for name, case in CASES.items()}) == set(CASES)


@needs_prometheus
def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    for what, file in (("rules", RULES), ("config", RULES.with_name("prometheus.yaml"))):
        subprocess.run(["promtool", "check", what, str(file)], check=True, capture_output=True)
