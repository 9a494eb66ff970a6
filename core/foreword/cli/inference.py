"""`foreword generate`, `classify` and `tokenize`: inference with tuned and base models."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import click

from foreword.cli.classify_file import classify_file
from foreword.cli.csv_output import escape_formulas_option
from foreword.cli.generation_options import generation_options
from foreword.cli.prompt_reference import PROMPT_REFERENCE, PromptReference
from foreword.cli.session import json_option, with_client
from foreword.cli.text_file import FORMATS, check_is_text, field_names, format_of, read_texts
from foreword.errors import ForewordError
from foreword.private_files import open_private

if TYPE_CHECKING:
    from foreword.client import ClassifyResult, Client, StructuredPrompt
    from foreword.client.keywords import GenerateKeywords


def prompt_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add MODEL, TEXT, `--prompt`, `--instruction`, `--example` and `--variable` to a command."""
    for add in (
        click.option(
            "--prompt",
            "saved",
            type=PROMPT_REFERENCE,
            metavar="PROMPT[@VERSION]",
            help="Use a saved prompt, with TEXT as its input; see `foreword prompts`.",
        ),
        click.option(
            "--variable",
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="Value of {{NAME}} in the prompt; may be repeated.",
        ),
        click.option(
            "--example", nargs=2, multiple=True, metavar="INPUT OUTPUT", help="Example in the prompt; may be repeated."
        ),
        click.option("--instruction", default="", help="Instruction in front of examples and text."),
        click.argument("text", required=False),
        click.argument("model"),
    ):
        function = add(function)
    return function


@click.command(short_help="Generate an answer.")
@prompt_options
@generation_options
@click.option("--stream", is_flag=True, help="Print the answer while it is generated.")
@json_option
@with_client
def generate(
    client: Client,
    model: str,
    text: str | None,
    saved: PromptReference | None,
    instruction: str,
    example: tuple[tuple[str, str], ...],
    variable: tuple[tuple[str, str], ...],
    parameters: GenerateKeywords,
    stream: bool,
    as_json: bool,
) -> None:
    """Generate an answer to TEXT (- for standard input) with MODEL.

    MODEL is a serving name, the id or display name of a tuned model, or baseModels/NAME. The answer is printed to
    standard output, its token counts to standard error. Parameters that a saved prompt suggests are used unless options
    set them.
    """
    from foreword.cli.render import out_console, print_json
    from foreword.cli.render.answer import print_tokens, usage

    asked = _asked(client, saved, instruction, example, variable)
    prompt, variables = asked.prompt(_text(text, saved)), asked.variables
    parameters = asked.parameters | parameters
    if stream and not as_json:
        result = None
        for piece in client.stream_generate(model, prompt, prompt_variables=variables, **parameters):
            sys.stdout.write(piece.text)
            sys.stdout.flush()
            result = piece.result or result
        click.echo()
    else:
        result = client.generate(model, prompt, prompt_variables=variables, **parameters)
        if as_json:
            print_json(result)
            return
        click.echo(result.text)
    if result is not None:
        print_tokens(out_console(), result)
        click.echo(usage(result), err=True)


@click.command(short_help="Classify a text or the rows of a file.")
@prompt_options
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8-sig", errors="surrogateescape"),
    help="Classify every row of this file (- for standard input) instead of TEXT.",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    help="With --file: JSONL with `input` in each line, CSV with a column `input`, or a text in each line.  "
    "[default: by the file's extension]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --file: write to this file, as CSV if its extension is .csv, otherwise as JSONL.  "
    "[default: JSONL to standard output]",
)
@escape_formulas_option
@click.option("--threshold", type=float, help="Abstain if no label set reaches this probability.")
@click.option(
    "--min-precision",
    type=float,
    help="Abstain where the model is not estimated to be right at least this often, as 0.9.",
)
@click.option("--labels", default="", help="Comma-separated labels, for a model that was not tuned to classify.")
@click.option("--multi-label", is_flag=True, help="With --labels: allow several labels per answer.")
@click.option(
    "--truncate-input-tokens",
    type=int,
    default=0,
    help="Keep only this many of the last tokens of the input; 0 means all.",
)
@click.option("--top-n", type=int, default=0, help="Number of label sets to list.  [default: 5]")
@json_option
@with_client
def classify(
    client: Client,
    model: str,
    text: str | None,
    saved: PromptReference | None,
    file: TextIO | None,
    format: str | None,
    output: Path | None,
    escape_formulas: bool,
    instruction: str,
    example: tuple[tuple[str, str], ...],
    variable: tuple[tuple[str, str], ...],
    threshold: float | None,
    min_precision: float | None,
    labels: str,
    multi_label: bool,
    truncate_input_tokens: int,
    top_n: int,
    as_json: bool,
) -> None:
    """Classify TEXT (- for standard input) with MODEL.

    MODEL is a serving name, the id or display name of a tuned model, or baseModels/NAME. With --file, every row of
    a file is classified, in order. The other columns of the file, such as the number of a ticket, are in the output as
    well; one with the name of a result gets `input_` in front of it. A row that fails has its error in the output and
    does not stop the others; the command then exits with status 1.
    """
    from foreword.cli.render import print_json

    if (text is None) == (file is None) and (saved is None or file is not None):
        raise click.UsageError("Pass either TEXT or --file.")
    if file is None and (format or output):
        raise click.UsageError("--format and --output need --file.")
    if file is not None and output is not None and _is_same_file(file, output):
        raise click.UsageError(f"--output {output} is the file to read; nothing was written. Choose another file.")
    options: dict[str, Any] = {
        "threshold": threshold,
        "min_precision": min_precision,
        "labels": [label.strip() for label in labels.split(",") if label.strip()],
        "multi_label": multi_label,
        "top_n": top_n,
        "truncate_input_tokens": truncate_input_tokens,
    }
    asked = _asked(client, saved, instruction, example, variable)
    if file is not None:
        check_is_text(file)

        def classify_texts(texts: Sequence[str]) -> Sequence[ClassifyResult | ForewordError]:
            prompts = [asked.prompt(item) for item in texts]
            each = [asked.variables] * len(prompts) if asked.variables else None
            return client.batch_classify(model, prompts, prompt_variables=each, **options)

        with open_private(output, "w", encoding="utf-8", newline="") if output else nullcontext(sys.stdout) as target:
            format = format or format_of(file.name)
            as_csv = output is not None and output.suffix.lower() == ".csv"
            classify_file(
                read_texts(file, format),
                classify_texts,
                target,
                as_csv=as_csv,
                escape_formulas=escape_formulas,
                fields=field_names(file, format) if as_csv else None,
            )
        return
    result = client.classify(model, asked.prompt(_text(text, saved)), prompt_variables=asked.variables, **options)
    if as_json:
        print_json(result)
    else:
        _print_classification(result)


@click.command(short_help="Count the tokens of a text.")
@prompt_options
@click.option("--tokens", "return_tokens", is_flag=True, help="Print the tokens, too.")
@json_option
@with_client
def tokenize(
    client: Client,
    model: str,
    text: str | None,
    saved: PromptReference | None,
    instruction: str,
    example: tuple[tuple[str, str], ...],
    variable: tuple[tuple[str, str], ...],
    return_tokens: bool,
    as_json: bool,
) -> None:
    """Count the tokens of TEXT (- for standard input) for MODEL, including templates."""
    from foreword.cli.render import print_json

    asked = _asked(client, saved, instruction, example, variable)
    prompt = asked.prompt(_text(text, saved))
    result = client.tokenize(model, prompt, return_tokens=return_tokens, prompt_variables=asked.variables)
    if as_json:
        print_json(result)
        return
    click.echo(result.token_count)
    if return_tokens:
        click.echo(json.dumps(result.tokens, ensure_ascii=False))
    parts = [f"{name} {count}" for name, count in result.part_token_counts.items()]
    parts += [f"soft prompt {result.soft_prompt_tokens}"] if result.soft_prompt_tokens else []
    if parts:
        click.echo(", ".join(parts), err=True)


class _Asked(NamedTuple):
    """The prompt that the options describe: a function of the text, variables and suggested parameters."""

    prompt: Callable[[str | None], str | StructuredPrompt]
    variables: Mapping[str, str]
    parameters: GenerateKeywords


def _asked(
    client: Client,
    saved: PromptReference | None,
    instruction: str,
    examples: tuple[tuple[str, str], ...],
    variable: tuple[tuple[str, str], ...],
) -> _Asked:
    """Return the prompt of a command, whose variables are already filled in if it is a saved one.

    Raises:
        UsageError: A saved prompt is combined with parts of another one.
    """
    variables = dict(variable)
    if saved is None:
        return _Asked(lambda text: _structured(text or "", instruction, examples), variables, {})
    if instruction or examples:
        raise click.UsageError("--prompt and --instruction or --example exclude each other.")
    version = client.get_saved_prompt(saved.name, saved.version).version
    return _Asked(lambda text: version.filled(variables, input=text), {}, version.parameters)


def _text(text: str | None, saved: PromptReference | None) -> str | None:
    """Return TEXT, which `-` reads from standard input. Only a saved prompt may do without one."""
    if text is None and saved is None:
        raise click.UsageError("Missing argument 'TEXT'.")
    return sys.stdin.read().rstrip("\n") if text == "-" else text


def _structured(input: str, instruction: str, examples: tuple[tuple[str, str], ...]) -> str | StructuredPrompt:
    from foreword.client import PromptExample, StructuredPrompt

    if not instruction and not examples:
        return input
    shown = tuple(PromptExample(input=given, output=expected) for given, expected in examples)
    return StructuredPrompt(instruction=instruction, examples=shown, input=input)


def _is_same_file(file: TextIO, path: Path) -> bool:
    """Return whether an open file is the one at a path. False for a terminal and other devices, which may be both."""
    try:
        status = os.fstat(file.fileno())
        return stat.S_ISREG(status.st_mode) and os.path.samestat(status, path.stat())
    except OSError:
        return False


def _print_classification(result: ClassifyResult) -> None:
    """Print the answer, the most likely label sets and all labels."""
    from rich.text import Text

    from foreword.cli.render import out_console, print_table
    from foreword.cli.render.parts import bar

    console = out_console()
    console.print(", ".join(result.labels) if result.labels else _abstention(result), soft_wrap=True)
    console.print()
    sets = [(", ".join(item.labels), item.probability) for item in result.label_sets]
    labels = sorted(result.label_probabilities.items(), key=lambda item: -item[1])
    for heading, rows in (("answers", sets), ("labels", labels)):
        cells = [(name, f"{share:.3f}", Text(bar(share, 24), style="blue")) for name, share in rows]
        print_table(console, [heading, "probability", ""], cells, right=["probability"])
        console.print()


def _abstention(result: ClassifyResult) -> str:
    """Return why there is no answer."""
    if result.threshold is None:
        return (
            "(abstained: too few held-out answers with such labels show from which probability on the model is right "
            "that often; tune it with more rows of them, or ask for a lower precision)"
        )
    return f"(abstained: the likeliest answer needs a probability of {result.threshold:.3f})"
