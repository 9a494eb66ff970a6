"""The text of a message, from all its parts."""

from __future__ import annotations

import pytest

from foreword_slack.listeners.content import is_enclosed, words_of

FORWARDED = {"is_share": True, "text": "My parcel never came", "fallback": "[Jan 5] eve: My parcel never came"}
PREVIEW = {"title": "Acme", "text": "Everything for the coyote", "from_url": "https://acme.example"}
FORM = {
    "pretext": "New complaint",
    "fields": [{"title": "Name", "value": "eve"}, {"title": "Problem", "value": "it is torn"}],
}
BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "A <complaint>"}},
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Problem*"}, {"type": "mrkdwn", "text": "it is torn"}]},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "See "},
                    {"type": "link", "url": "https://acme.example"},
                    {"type": "text", "text": " & reply"},
                ],
            }
        ],
    },
    {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Close"}}]},
]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"text": "The lid is torn"}, "The lid is torn"),
        ({"text": "", "attachments": [FORWARDED]}, "My parcel never came"),
        ({"text": "Please look", "attachments": [FORWARDED]}, "Please look\nMy parcel never came"),
        ({"text": "Please look", "attachments": [PREVIEW]}, "Please look"),
        ({"attachments": [{"fallback": "it is torn"}]}, "it is torn"),
        ({"text": "", "attachments": [FORM]}, "New complaint\nName eve\nProblem it is torn"),
        ({"text": "", "attachments": [{"blocks": BLOCKS[:1]}]}, "A &lt;complaint&gt;"),
        (
            {"text": " ", "blocks": BLOCKS},
            "A &lt;complaint&gt;\n*Problem*\nit is torn\nSee https://acme.example &amp; reply",
        ),
        ({"text": "", "files": [{"id": "F1"}]}, ""),
        ({}, ""),
    ],
)
def test_words_are_found_in_text_attachments_and_blocks(message, words):
    assert words_of(message) == words


def test_files_and_attachments_count_as_content_even_without_text():
    assert is_enclosed({"files": [{"id": "F1"}]})
    assert is_enclosed({"attachments": [PREVIEW]})
    assert not is_enclosed({"text": "", "blocks": BLOCKS})
