"""LangChain's chat model of OpenAI. Run with `pip install langchain-openai` and `pytest -m langchain`."""

from __future__ import annotations

import pytest

from factories.api import LABELS, deployed
from factories.http import RunningHttp
from factories.servers import RunningServer

pytestmark = [
    pytest.mark.langchain,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    secret = server.new_key("langchain")
    deployed(server, server.stubs(secret), "chain")
    return secret


def chat(http: RunningHttp, key: str, **options):
    langchain = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    return langchain.ChatOpenAI(base_url=http.base_url, api_key=key, max_retries=0, **options)


def test_a_chain_is_answered(http: RunningHttp, key: str):
    answer = chat(http, key, model="chain").invoke([("system", "Name the department."), ("human", "Where is it?")])

    assert set(answer.content.split(", ")) <= set(LABELS)
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["input_tokens"] > 0


def test_a_stream_has_the_pieces_of_the_answer(http: RunningHttp, key: str):
    model = chat(http, key, model=BASE, max_tokens=8, temperature=0)

    pieces = list(model.stream("Where are my sheets?"))

    assert "".join(piece.content for piece in pieces) == model.invoke("Where are my sheets?").content


async def test_many_questions_are_answered_at_once(http: RunningHttp, key: str):
    answers = await chat(http, key, model="chain").abatch([f"Question {number}" for number in range(8)])

    assert len(answers) == 8
    assert all(set(answer.content.split(", ")) <= set(LABELS) for answer in answers)


def test_log_probabilities_and_seeds_are_passed_on(http: RunningHttp, key: str):
    model = chat(http, key, model=BASE, max_tokens=4, temperature=1.2, seed=5, logprobs=True, top_logprobs=2)

    first, second = model.invoke("Hello"), model.invoke("Hello")

    assert first.content == second.content
    assert len(first.response_metadata["logprobs"]["content"][0]["top_logprobs"]) == 2


def test_what_cannot_be_honoured_is_an_error(http: RunningHttp, key: str):
    with pytest.raises(Exception, match="tools: cannot be honoured"):
        chat(http, key, model=BASE).bind_tools([{"name": "f", "description": "d", "parameters": {}}]).invoke("Hello")
