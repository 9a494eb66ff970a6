"""Saved prompts on every database."""

from __future__ import annotations

from sqlalchemy import func, select

from factories.stored import store_tenant
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.resource_view import ResourceView
from foreword.domain.saved_prompt import NewPromptVersion, PromptContent, PromptVariable
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.saved_prompts import SavedPromptRepository
from foreword.storage.tables import SavedPromptVersionRow


def version(text: str) -> NewPromptVersion:
    prompt = StructuredPrompt(instruction=text, examples=(PromptExample(input="a", output="b"),), input="")
    content = PromptContent(structured=prompt, variables=(PromptVariable(name="tone", default_value="kind"),))
    return NewPromptVersion(content=content, parameters={"temperature": 0.5}, note=text)


def test_pages_read_each_prompt_with_its_newest_version(database: Database) -> None:
    prompts = SavedPromptRepository(database, store_tenant(database))
    for number in range(45):  # more than a list reads at once
        prompts.create(version(f"{number} {{{{tone}}}}"), id=f"p-{number:02}")
    prompts.update("p-00", version=version("newest {{tone}}"))

    full = prompts.list(ListRequest(view=ResourceView.FULL, order_by="display_name"))
    basic = prompts.list(ListRequest(page_size=3))

    contents = [item.version.content for item in full.items]
    assert contents[0] == version("newest {{tone}}").content
    assert contents[44] == version("44 {{tone}}").content
    assert [item.id for item in basic.items] == ["p-44", "p-43", "p-42"]
    assert [item.version.content for item in basic.items] == [None] * 3
    assert [item.number for item in prompts.list_versions("p-00").items] == [2, 1]
    assert [item.content for item in prompts.list_versions("p-00").items] == [None] * 2
    versions = prompts.list_versions("p-00", ListRequest(view=ResourceView.FULL))
    assert [item.content for item in versions.items] == [
        version(f"{text} {{{{tone}}}}").content for text in ("newest", "0")
    ]


def test_a_deleted_prompt_leaves_no_versions(database: Database) -> None:
    prompts = SavedPromptRepository(database, store_tenant(database))
    prompts.create(version("one {{tone}}"), id="p")
    prompts.update("p", version=version("two {{tone}}"))

    prompts.delete("p")

    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(SavedPromptVersionRow)).one() == 0
