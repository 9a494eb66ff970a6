"""`foreword models`: management of tuned models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foreword.cli.session import json_option, limit_option, selection_options, view_option, with_client
from foreword.cli.tag_options import tag_change_options, tag_changes
from foreword.domain.answer_calibration import MAX_P_VALUE
from foreword.domain.resource_view import ResourceView

if TYPE_CHECKING:
    from foreword.client import Client
    from foreword.domain.answer_calibration import AnswerCalibration


@click.group()
def models() -> None:
    """Manage tuned models.

    MODEL is the id or the display name of a tuned model.
    """


@models.command("list")
@selection_options('task = classification AND tags.team = "billing"')
@view_option
@limit_option
@json_option
@with_client
def list_(client: Client, filter: str, order_by: str, view: str, limit: int, as_json: bool) -> None:
    """List tuned models, newest first."""
    from foreword.cli.render import print_listing, short_name
    from foreword.cli.render.listing import age
    from foreword.cli.render.tags import tags_column

    found = client.list_tuned_models(filter=filter, order_by=order_by, view=ResourceView(view), limit=limit)
    print_listing(
        found,
        {
            "model": lambda item: short_name(item.name),
            "name": lambda item: item.display_name,
            "base model": lambda item: short_name(item.base_model),
            "task": lambda item: item.task,
            "tuning type": lambda item: item.tuning_type,
            "size": lambda item: f"{item.byte_size / 1000:.0f} kB",
            **tags_column(found),
            "created": lambda item: age(item.create_time),
        },
        right=["size"],
        as_json=as_json,
    )


@models.command()
@click.argument("model")
@json_option
@with_client
def show(client: Client, model: str, as_json: bool) -> None:
    """Show a tuned model and its evaluation."""
    from foreword.cli.render import out_console, print_evaluations, print_facts, print_json, short_name
    from foreword.cli.render.tags import tags_text

    found = client.get_tuned_model(model)
    if as_json:
        print_json(found)
        return
    console = out_console()
    print_facts(
        console,
        [
            ("model", found.name),
            ("name", found.display_name),
            ("tags", tags_text(found.tags)),
            ("base model", short_name(found.base_model)),
            ("experiment", short_name(found.tune_experiment)),
            ("dataset", short_name(found.dataset)),
            ("task", f"{found.task}, {', '.join(found.labels)}" if found.labels else found.task),
            ("verbalizer", found.verbalizer),
            ("tuning type", found.tuning_type),
            ("soft prompt", f"{found.num_virtual_tokens} vectors" if found.num_virtual_tokens else ""),
            ("calibration", _calibration(found.answer_calibration)),
            ("precision", _precisions(found.answer_calibration)),
            ("size", f"{found.byte_size:,} bytes"),
            ("sha256", found.content_sha256),
        ],
    )
    console.print()
    print_evaluations(console, found.evaluations, parts=True)


@models.command()
@click.argument("model")
@tag_change_options
@json_option
@with_client
def update(client: Client, model: str, tags: dict[str, str], removed_tags: tuple[str, ...], as_json: bool) -> None:
    """Change the tags of a tuned model."""
    from foreword.cli.render import out_console, print_facts, print_json, short_name
    from foreword.cli.render.tags import tags_text

    found = client.update_tuned_model(model, tags=tag_changes(tags, removed_tags))
    if as_json:
        print_json(found)
        return
    facts = [("model", short_name(found.name)), ("name", found.display_name), ("tags", tags_text(found.tags) or "none")]
    print_facts(out_console(), facts)


@models.command()
@click.argument("model")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_client
def export(client: Client, model: str, folder: Path) -> None:
    """Export a tuned model to FOLDER as a PEFT adapter."""
    for path in client.export_tuned_model(model, folder):
        click.echo(path)


@models.command()
@click.argument("model")
@with_client
def delete(client: Client, model: str) -> None:
    """Delete a tuned model that no deployment serves."""
    client.delete_tuned_model(model)


def _calibration(found: AnswerCalibration | None) -> str:
    if found is None:
        return ""
    before, after = found.expected_calibration_error_before, found.expected_calibration_error_after
    chance = found.expected_calibration_error_by_chance
    by_chance = "" if chance is None else f"; about {chance:.2f} is to be expected by chance alone"
    if found.temperature == 1.0:
        why = (
            "no evidence against them" if found.p_value is None or found.p_value > MAX_P_VALUE else "too few to fit one"
        )
        return (
            f"no temperature; the probabilities are as the model gives them, because {found.row_count:,} held-out rows "
            f"are {why}: their expected calibration error is {before:.2f}{by_chance}"
        )
    return (
        f"temperature {found.temperature:.2f}; on {found.row_count:,} held-out rows the expected calibration error is "
        f"{after:.2f} with it and {before:.2f} without{by_chance}"
    )


def _precisions(found: AnswerCalibration | None) -> str:
    """Return the thresholds of all answers for a few precisions, and what the held-out rows show of them."""
    if found is None:
        return ""
    shared = {item.precision: item for item in found.thresholds if not item.label}
    if not shared:
        return "no thresholds are known; at least 30 held-out rows are needed"
    parts = []
    for item in (shared[precision] for precision in (0.7, 0.8, 0.9) if precision in shared):
        part = f"{item.precision:g} from a probability of {item.probability:.2f} on"
        if item.estimated_precision is not None and item.precision_lower_bound is not None:
            part += (
                f" (estimated; {item.right_count:,} of {item.row_count:,} held-out answers right, so with 80 % "
                f"confidence at least {item.precision_lower_bound:.2f})"
            )
        parts.append(part)
    return ", ".join(parts)
