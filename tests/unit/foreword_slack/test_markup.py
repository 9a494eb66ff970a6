from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword_slack.markup import cut, escape, plain_text, without_mention

hostile = st.lists(
    st.sampled_from(
        ["<!channel>", "<!here|x>", "<@U1>", "&lt;!here&gt;", "&", "<", ">", "a", "|", "&amp;lt;", "\u202e"]
    )
).map("".join) | st.text(max_size=60)


@pytest.mark.parametrize(
    ("slack", "plain"),
    [
        ("Where is <https://x.example/a?b=1&amp;c=2|my order>?", "Where is my order?"),
        ("see <https://x.example>", "see https://x.example"),
        ("<@U123> and <@U9|anna>, <#C1|general> <!here>", "@someone and @anna, #general @here"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2, literally &amp;lt;", "1 < 2 && 3 > 2, literally &lt;"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<!subteam^S1|@support> <!date^1^{date}|today>", "@support today"),
    ],
)
def test_plain_text_reads_as_people_see_it(slack, plain):
    assert plain_text(slack) == plain


@given(hostile)
def test_escaped_text_cannot_mention_anybody(text):
    for shown in (escape(text), cut(text, 30)):
        assert not re.search(r"[<>]", shown)
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@given(hostile)
def test_escaped_text_reads_as_it_was(text):
    visible = plain_text(escape(text))

    assert (
        visible
        == re.sub(r"[\u202e]", "", escape(text)).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
    )


@given(hostile, st.integers(1, 50))
def test_cut_text_keeps_its_limit_and_whole_entities(text, limit):
    assert len(cut(text, limit)) <= limit


def test_marks_that_change_the_writing_direction_are_removed():
    assert escape("safe\u202eexe.txt\u0000") == "safeexe.txt"


def test_the_mention_of_the_bot_is_removed():
    assert without_mention("<@B1> it is broken, says <@U2>", "B1") == "it is broken, says <@U2>"
