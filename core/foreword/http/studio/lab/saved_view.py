"""What the page of the lab shows of saved prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreword.client import AsyncClient, SavedPrompt, SavedPromptVersion, Scope
from foreword.errors import NotFoundError
from foreword.http.studio.filters import quoted
from foreword.http.studio.formats import short_name
from foreword.http.studio.lab.prompt import LabPrompt
from foreword.http.studio.sessions import Session

_MOST_LISTED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """A part of two versions: an instruction, an example, a parameter. Empty texts are missing parts."""

    name: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        """Whether the versions differ in it."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """What the page shows of saved prompts.

    Attributes:
        prompts: Saved prompts to choose from, those that changed last first.
        chosen: The prompt whose versions are listed; None for none.
        versions: Its versions, newest first.
        find: What their names contain; empty if all are listed.
        more: Whether there are more than are listed.
        said: What an action has done; empty for none.
        titles: The two versions that are compared, as people call them.
        compared: Their parts.
    """

    prompts: Sequence[SavedPrompt] = ()
    chosen: SavedPrompt | None = None
    versions: Sequence[SavedPromptVersion] = ()
    find: str = ""
    more: bool = False
    said: str = ""
    titles: tuple[str, str] = ("", "")
    compared: Sequence[ComparedPart] = ()

    def choices(self, also: str) -> list[tuple[str, str]]:
        """Return the versions that a column can get, and their titles.

        Args:
            also: A version that it gets already, as `ID@NUMBER`; empty for none.
        """
        found = {} if self.chosen is None else {reference_of(self.chosen, item): item for item in self.versions}
        name = "" if self.chosen is None else self.chosen.display_name
        titles = {reference: f"{name}, version {item.number}" for reference, item in found.items()}
        return list(({also: also.replace("@", ", version ")} | titles if also else titles).items())


def reference_of(prompt: SavedPrompt, version: SavedPromptVersion) -> str:
    """Return `ID@NUMBER` of a version."""
    return f"{short_name(prompt.name)}@{version.number}"


async def saved_view(session: Session, prompt: LabPrompt, find: str = "") -> SavedView:
    """Return the saved prompts of a tenant, and the versions of the one that the form has loaded.

    Args:
        find: What the names of the prompts contain; empty for all.
    """
    if not (session.may(Scope.INFER) or session.may(Scope.READ)):
        return SavedView()
    listed, chosen = await asyncio.gather(
        session.client.list_saved_prompts(
            filter=f"display_name : {quoted(find)}" if find else "", order_by="update_time desc", limit=_MOST_LISTED
        ),
        versions_of(session.client, prompt.loaded.partition("@")[0]),
    )
    return replace(chosen, prompts=listed, find=find, more=bool(listed.next_page_token))


async def with_versions(client: AsyncClient, prompt: LabPrompt, *, loaded: bool = False) -> LabPrompt:
    """Return a form with the saved versions that its columns get. Those that do not exist are missing.

    Args:
        loaded: Whether the version that the form has loaded is needed too.
    """
    names = (*(column.saved for column in prompt.columns), prompt.loaded if loaded else "")
    wanted = list(dict.fromkeys(name for name in names if name))
    if not wanted:
        return prompt
    found = await asyncio.gather(*(_version(client, reference) for reference in wanted))
    return replace(prompt, versions={name: item for name, item in zip(wanted, found, strict=True) if item is not None})


async def _version(client: AsyncClient, reference: str) -> SavedPromptVersion | None:
    name, _, number = reference.partition("@")
    try:
        return (await client.get_saved_prompt(name, int(number))).version
    except NotFoundError:
        return None


async def versions_of(client: AsyncClient, name: str) -> SavedView:
    """Return a saved prompt and its versions; nothing if it does not exist."""
    if not name:
        return SavedView()
    try:
        chosen, versions = await asyncio.gather(
            client.get_saved_prompt(name), client.list_saved_prompt_versions(name, limit=_MOST_LISTED)
        )
    except NotFoundError:
        return SavedView()
    return SavedView(chosen=chosen, versions=versions)
