import io
import json

import pytest
from rich.console import Console

from foreword.cli.render import (
    TuneProgressView,
    out_console,
    print_evaluations,
    print_findings,
    print_json,
    print_plan,
)
from foreword.cli.render.experiment import print_experiment_result
from foreword.cli.render.listing import duration, estimated
from foreword.cli.render.parts import bar, print_part
from foreword.client import TuneParameters, TunePlan, decode
from foreword.domain.report import Finding, Histogram, Matrix, ReportPart, Severity, SystemEvaluation, Table, Values
from foreword.v1 import tune_experiment_pb2


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=120, highlight=False, markup=False, emoji=False)


def shown(console):
    return console.file.getvalue()


def make_finding(message, severity=Severity.WARNING, **values):
    return Finding(severity=severity, code="CODE", message=message, **values)


def test_findings_come_by_severity_with_rows_and_remedy(console):
    findings = [
        make_finding("Odd.", Severity.INFO),
        make_finding("Many.", rows=tuple(range(1, 21)), row_count=90, column="output", remedy="Look."),
        make_finding("Empty.", Severity.ERROR, rows=(7,), column="input", excerpt="[x]"),
    ]

    print_findings(console, findings)

    lines = [line.strip() for line in shown(console).splitlines()]
    assert lines[0].startswith("error   row 7, input: Empty.")
    assert lines[1] == "“[x]”"
    assert lines[2].startswith("warning Many.")
    assert lines[3] == "rows 1, 2, 3, 4, 5, 6, 7, 8 and 82 more, output"
    assert lines[4] == "Look."
    assert lines[5].startswith("remark  Odd.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Table(columns=("label", "rows"), rows=(("[b]", "3"),)), "[b]"),
        (Histogram(unit="tokens", edges=(0, 5, 10), counts=(2, 0)), "0 to 5 tokens"),
        (Matrix(row_labels=("a",), column_labels=("b",), values=((4,),)), "4"),
        (Values(values={"rows": 12}), "12"),
    ],
)
def test_every_kind_of_part_is_drawn_under_its_title(console, content, expected):
    print_part(console, ReportPart(id="part", title="A part", content=content))

    assert shown(console).startswith("A part\n")
    assert expected in shown(console)


def test_a_plan_names_the_source_of_every_value(console):
    plan = TunePlan(
        parameters=TuneParameters(num_epochs=3, learning_rate=0.1),
        sources={"num_epochs": "set", "learning_rate": "recipe"},
        training_row_count=80,
        validation_row_count=20,
        planned_updates=60,
        trainable_parameter_count=6144,
        estimated_seconds=125.0,
        estimated_capacity_unit_hours=0.035,
        warnings=(make_finding("Too few updates.", remedy="Use more epochs."),),
        labels=("a", "b"),
        multi_label=True,
    )

    print_plan(console, plan)

    text = shown(console)
    assert "80 rows to tune on, 20 held out" in text
    assert "a, b (several per answer)" in text
    assert "about 2 min 5 s on an idle machine, 0.035 capacity-unit-hours" in text
    assert [line.split() for line in text.splitlines() if line.startswith("num_epochs")] == [
        ["num_epochs", "3", "set", "by", "you"]
    ]
    assert "Too few updates." in text
    assert "Use more epochs." in text


def test_the_summary_of_a_run_says_how_long_it_waited_for_other_tenants_and_what_it_cost(console):
    message = tune_experiment_pb2.TuneExperiment(
        name="tenants/acme/tuneExperiments/e1", state="STATE_SUCCEEDED", wait_seconds=120.0, capacity_unit_hours=0.0125
    )
    message.start_time.FromSeconds(1_000)
    message.end_time.FromSeconds(1_300)

    print_experiment_result(console, decode.tune_experiment(message))

    text = shown(console)
    assert "5 min, 2 min of it waiting for runs of other tenants" in text
    assert "0.0125 capacity-unit-hours" in text


def test_rows_that_look_mislabelled_are_listed_with_both_answers(console):
    rows = [
        tune_experiment_pb2.SuspectRow(
            dataset=f"tenants/acme/datasets/{dataset}", row=row, loss=row / 2, input=f"[Q{row}]", output="L3",
            prediction="Warehouse",
        )
        for dataset, row in [("d", 19), ("v", 12), ("d", 3)]
    ]  # fmt: skip
    message = tune_experiment_pb2.TuneExperiment(
        name="tenants/acme/tuneExperiments/e1", dataset="tenants/acme/datasets/d", state="STATE_SUCCEEDED",
        suspect_rows=tune_experiment_pb2.SuspectRows(rows=rows, examined_row_count=10_000, row_count=20_000),
    )  # fmt: skip

    print_experiment_result(console, decode.tune_experiment(message), most_suspects=2)

    text = shown(console)
    assert "Rows whose answer may be wrong (10,000 of 20,000 rows were examined):" in text
    assert [line.split() for line in text.splitlines() if "[Q" in line] == [
        ["19", "9.50", "[Q19]", "L3", "Warehouse"],
        ["validation", "12", "6.00", "[Q12]", "L3", "Warehouse"],
    ]
    assert "and 1 more; list them with: foreword experiments show e1" in text


def test_systems_stand_side_by_side_with_their_tokens(console):
    systems = [("tuned", 0.9, 20.0), ("base_three_shot_constrained", 0.4, 130.0)]

    print_evaluations(
        console,
        [
            SystemEvaluation(
                system=system,
                metrics={"exact_match": value},
                main_metric="exact_match",
                row_count=5,
                mean_tokens=tokens,
            )
            for system, value, tokens in systems
        ],
    )

    text = shown(console)
    assert "on 5 held-out rows" in text
    assert [line.split()[-2:] for line in text.splitlines() if "0." in line] == [["0.900", "20"], ["0.400", "130"]]
    assert "base model, three-shot, labels only" in text


def test_progress_without_a_terminal_is_a_line_for_each_tenth_and_phase(console):
    with TuneProgressView(console) as view:
        for percent in range(0, 40, 2):
            message = tune_experiment_pb2.TuneExperiment(
                state=2,
                progress=tune_experiment_pb2.TuneProgress(percent=percent, phase="tuning", loss=0.5, total_epochs=3),
                snapshots=[tune_experiment_pb2.TuneSnapshot(sequence=percent + 1, validation_metric=0.75)],
            )
            view.update(decode.tune_experiment(message))

    lines = shown(console).splitlines()
    assert len(lines) == 4
    assert "loss 0.500" in lines[-1]
    assert "held-out score 0.750" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "under 1 s"), (59, "59 s"), (125, "2 min 5 s"), (3600, "1 h"), (7320, "2 h 2 min")]
)
def test_durations_are_written_in_words(seconds, words):
    assert duration(seconds) == words


def test_estimates_are_about_right():
    assert [estimated(seconds) for seconds in (0.2, 59)] == ["under 1 s", "about 59 s"]


def test_a_bar_is_as_long_as_its_share():
    assert [bar(share, 4) for share in (0, 0.5, 1, 2)] == ["", "██", "████", "████"]


def test_results_are_json_for_programs(capsys):
    print_json({"finding": make_finding("ä", rows=(1,)), "set": frozenset({"b", "a"})})

    value = json.loads(capsys.readouterr().out)
    assert value["finding"]["severity"] == "warning"
    assert value["finding"]["rows"] == [1]
    assert value["set"] == ["a", "b"]


def test_characters_that_a_terminal_would_obey_are_left_out(capsys):
    part = ReportPart(id="a", title="T", content=Table(columns=("label",), rows=(("\x1b[31mred\u202e\x9b",),)))

    print_part(out_console(), part)
    print_findings(out_console(), [make_finding("'\x1b]0;x\x07' is rare.\nSecond line")])

    shown = capsys.readouterr().out
    assert "[31mred" in shown
    assert "']0;x' is rare." in shown
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(shown)
