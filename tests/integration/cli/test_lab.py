"""The lab as a person uses it, typed into a pipe."""

from __future__ import annotations

import io
import time

import pytest

from factories.api import deployed
from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.domain.tenant import Scope

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def complaints(server: RunningServer) -> str:
    """A serving name of a tuned model."""
    deployed(server, server.stubs(), "complaints")
    return "complaints"


@pytest.fixture
def type_in(server: RunningServer, monkeypatch, capsys):
    """Types lines into the lab and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")

    def call(model: str, *lines: str, options: tuple[str, ...] = ()):
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
        status = run(["lab", model, *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_a_tuned_model_answers_beside_its_base_model(type_in, complaints: str):
    status, out, err = type_in(
        complaints,
        "/instruction Name the department.",
        "/example My box is torn. => Packaging",
        "/bare on",
        "/set max_new_tokens 6",
        "Two screws are missing.",
        "/history",
        "/show",
    )

    assert status == 0, err
    assert complaints in out
    assert BASE in out
    assert "after 8 soft-prompt vectors" in out
    assert "of 512 tokens:" in out
    assert "1. My box is torn. => Packaging" in out
    assert out.count("Two screws are missing.") == 1, "the history has the question"


def test_a_variable_stays_set_while_prompts_do_without_it(type_in, complaints: str):
    status, out, err = type_in(
        complaints,
        "/set max_new_tokens 1",
        "/variable teams Warehouse, Service",
        "Two screws are missing.",
        "/instruction Choose among {{teams}}.",
        "/bare on",
        "Two screws are missing.",
        "/prompt Two screws are missing.",
        "/mode free",
        "Two screws are missing.",
    )

    assert (status, err) == (0, "")
    assert out.count("after 8 soft-prompt vectors") == 3
    assert "is not used" not in out


def test_what_would_be_sent_is_shown_with_its_tokens_by_part(type_in):
    status, out, _ = type_in(BASE, "/instruction Name the department.", "/prompt Two screws are missing.")

    assert status == 0
    assert "Name the department.\n\nInput: Two screws are missing.\nOutput:" in out
    assert "tokens: instruction 5, input 5, template 13" in out


def test_an_answer_shows_its_tokens_when_asked_to(type_in):
    status, out, _ = type_in(BASE, "/tokens on", "/set min_new_tokens 2", "/set max_new_tokens 2", "Hello", "/again")

    assert status == 0
    assert out.count("  (or '") == 4


def test_a_line_that_fails_is_reported_and_the_next_one_runs(type_in):
    status, out, err = type_in(BASE, "/set temperature 9", "/again", "/juggle", "/set max_new_tokens 1", "Hello")

    assert status == 1
    assert "Error: temperature: must be in (0, 2], not 9" in err
    assert "Error: /again: needs a number of the history" in err
    assert "Error: /juggle: is not a command" in err
    assert "1 generated" in out


def test_a_model_that_fails_leaves_the_other_its_answer(type_in):
    status, out, _ = type_in(BASE, "/set max_new_tokens 1", "Hello", options=("--against", "nobody"))

    assert status == 0
    assert "No model is called 'nobody' either" in out
    assert "1 generated" in out


def test_nothing_after_quit_is_done(type_in):
    status, out, _ = type_in(BASE, "/parameters", "/help", "/quit", "Hello")

    assert status == 0
    assert "length_penalty.decay_factor" in out
    assert "in (1, 10]" in out
    assert "/example INPUT => OUTPUT" in out
    assert "generated;" not in out


def test_a_key_that_may_only_infer_has_its_lab_without_a_comparison(server: RunningServer, type_in, monkeypatch):
    deployed(server, server.stubs(server.new_key("frugal")), "frugal")
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key("frugal", (Scope.INFER,)))

    status, out, err = type_in("frugal", "Hello", "/show")

    assert status == 0, err
    assert "against" in out
    assert "none" in out


def test_a_model_that_nobody_has_is_an_error_at_once(type_in):
    status, _, err = type_in(f"nobody-{time.time_ns()}", "Hello")

    assert status == 1
    assert "nobody" in err
