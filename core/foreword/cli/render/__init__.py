"""Rendering of results on a terminal. The functions only draw on the console that they are passed."""

from foreword.cli.render.console import err_console, out_console, print_json
from foreword.cli.render.evaluation import print_evaluations
from foreword.cli.render.experiment import print_experiment_result, short_name
from foreword.cli.render.listing import format_value, print_facts, print_listing, print_table
from foreword.cli.render.plan import print_plan
from foreword.cli.render.progress import TuneProgressView
from foreword.cli.render.report import print_findings, print_report

__all__ = [
    "TuneProgressView",
    "err_console",
    "format_value",
    "out_console",
    "print_evaluations",
    "print_experiment_result",
    "print_facts",
    "print_findings",
    "print_json",
    "print_listing",
    "print_plan",
    "print_report",
    "print_table",
    "short_name",
]
