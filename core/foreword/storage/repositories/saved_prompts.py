"""Saved prompts of a tenant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from foreword.domain.resource_view import ResourceView
from foreword.domain.saved_prompt import (
    MAX_SAVED_PROMPTS,
    MAX_VERSIONS,
    NewPromptVersion,
    PromptContent,
    SavedPrompt,
    SavedPromptVersion,
)
from foreword.errors import AbortedError, AlreadyExistsError, ExhaustedError, NotFoundError
from foreword.names import SavedPromptName, SavedPromptVersionName, TenantName, check_id
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.lists.list_specs import SAVED_PROMPT_VERSIONS, SAVED_PROMPTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.quotas.checks import check_saved_prompt
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.tables import SavedPromptRow, SavedPromptVersionRow
from foreword.storage.texts import check_texts


class SavedPromptRepository:
    """The saved prompts of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        version: NewPromptVersion,
        *,
        id: str | None = None,
        display_name: str = "",
        description: str = "",
        tags: Sequence[str] = (),
        creator: str = "",
        request: RequestKey | None = None,
    ) -> SavedPrompt:
        """Save a prompt as version 1. An empty display name becomes the id.

        Args:
            id: Id; None to generate one.

        Raises:
            InvalidArgumentError: The id or a text is invalid.
            NotFoundError: The tenant or the prompt of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many saved prompts, or its quota leaves no room for this one.
        """
        check_texts(display_name=display_name, description=description, note=version.note, model=version.model)
        if id is not None:
            check_id(id, "saved_prompt_id")
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            require_tenant(session, self._tenant)
            self._check_room(session)
            id = id or self._database.new_id()
            if self._find(session, id) is not None:
                name = str(SavedPromptName(self._tenant, id))
                raise AlreadyExistsError(
                    f"{name} already exists. Choose another id, or save a new version of it.",
                    metadata={"resource": name},
                )
            now = self._database.clock(session)
            row = SavedPromptRow(
                tenant=self._tenant,
                id=id,
                display_name=display_name or id,
                description=description,
                tags=list(tags),
                latest_version=0,
                change_count=0,
                creator=creator,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            session.flush()  # for the key, to which the version refers
            added = self._add_version(session, row, version, creator)
            remember(session, self._tenant, request, id, now)
            return _to_saved_prompt(row, added)

    def get(self, id: str, number: int = 0) -> SavedPrompt:
        """Return a saved prompt with the version of this number; 0 for the newest.

        Raises:
            NotFoundError: It does not exist in the tenant, or it has no such version.
        """
        with self._database.read() as session:
            row = self._require(session, id)
            return _to_saved_prompt(row, self._require_version(session, row, number))

    def creator_of(self, id: str) -> str:
        """Return the id of the API key that created a saved prompt.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return self._require(session, id).creator

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[SavedPrompt] = take_any) -> Page[SavedPrompt]:
        """List saved prompts with their newest version, by default newest first; the basic view leaves out contents.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        options = () if full else (defer(SavedPromptVersionRow.content),)

        def convert(session: Session, rows: Sequence[SavedPromptRow]) -> Iterator[SavedPrompt]:
            for row in rows:  # one by one: a version can have megabytes, and the page may be full
                number = row.latest_version
                version = session.get_one(SavedPromptVersionRow, (row.key, number), options=options)
                yield _to_saved_prompt(row, version, with_content=full)

        return ListReader(
            database=self._database,
            spec=SAVED_PROMPTS,
            tenant=self._tenant,
            conditions=[SavedPromptRow.tenant == self._tenant],
            convert=convert,
        ).read(request, take)

    def list_versions(
        self, id: str, request: ListRequest = FIRST_PAGE, *, take: Take[SavedPromptVersion] = take_any
    ) -> Page[SavedPromptVersion]:
        """List the versions of a saved prompt, by default newest first; the basic view leaves out contents.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The prompt does not exist in the tenant.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        full = request.view is ResourceView.FULL
        key = select(SavedPromptRow.key).where(SavedPromptRow.tenant == self._tenant, SavedPromptRow.id == id)

        def check(session: Session) -> None:
            self._require(session, id)

        return ListReader(
            database=self._database,
            spec=SAVED_PROMPT_VERSIONS,
            tenant=self._tenant,
            parent=id,
            conditions=[SavedPromptVersionRow.saved_prompt_key == key.scalar_subquery()],
            options=(defer(SavedPromptVersionRow.content),),  # read one by one: the page may be full before its end
            convert=lambda _, rows: (_to_version(id, row, with_content=full) for row in rows),
            check=check,
        ).read(request, take)

    def update(
        self,
        id: str,
        *,
        etag: str = "",
        display_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        version: NewPromptVersion | None = None,
        creator: str = "",
        request: RequestKey | None = None,
    ) -> SavedPrompt:
        """Change the fields that are not None. A version that differs from the newest one is added.

        Args:
            etag: Etag that the caller has read; if empty, it is not checked.
            creator: Id of the API key that saves the version.

        Raises:
            NotFoundError: It does not exist in the tenant.
            AbortedError: It has changed since the etag was read.
            AlreadyExistsError: The request id was already used with other content.
            ExhaustedError: It has too many versions, or the quota of the tenant leaves no room for this one.
        """
        check_texts(display_name=display_name, description=description)
        if version is not None:
            check_texts(note=version.note, model=version.model)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, id)
            name = str(SavedPromptName(self._tenant, id))
            if etag and etag != resource_etag(row.create_time, row.change_count):
                raise AbortedError(
                    f"{name} has changed. Read it again and repeat the update.", metadata={"resource": name}
                )
            newest = self._require_version(session, row, row.latest_version)
            if version is not None and not _equal(newest, version):
                newest = self._add_version(session, row, version, creator)
            row.display_name = row.display_name if display_name is None else display_name
            row.description = row.description if description is None else description
            row.tags = row.tags if tags is None else list(tags)
            row.change_count += 1
            row.update_time = now = self._database.clock(session)
            remember(session, self._tenant, request, id, now)
            return _to_saved_prompt(row, newest)

    def delete(self, id: str) -> None:
        """Delete a saved prompt with all its versions.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.write_tenant(self._tenant) as session:
            session.delete(self._require(session, id))

    def _add_version(
        self, session: Session, row: SavedPromptRow, version: NewPromptVersion, creator: str
    ) -> SavedPromptVersionRow:
        """Add a version and make it the newest."""
        if row.latest_version >= MAX_VERSIONS:
            name = str(SavedPromptName(self._tenant, row.id))
            raise ExhaustedError(
                f"{name} has {MAX_VERSIONS} versions, and no more are allowed. Save this one as a new prompt.",
                reason="TOO_MANY_VERSIONS",
                metadata={"resource": name},
                quota=name,
                waiting_helps=False,
            )
        content, parameters = encode(PromptContent, version.content, "content"), dict(version.parameters)
        byte_size = len(json.dumps([content, parameters], ensure_ascii=False).encode())
        check_saved_prompt(session, self._tenant, byte_size)
        row.latest_version += 1
        added = SavedPromptVersionRow(
            saved_prompt_key=row.key,
            number=row.latest_version,
            tenant=self._tenant,
            content=content,
            parameters=parameters,
            model=version.model,
            note=version.note,
            byte_size=byte_size,
            creator=creator,
            create_time=self._database.clock(session),
        )
        session.add(added)
        return added

    def _check_room(self, session: Session) -> None:
        """Raise ExhaustedError if the tenant has as many saved prompts as it can have."""
        count = session.scalars(
            select(func.count()).select_from(SavedPromptRow).where(SavedPromptRow.tenant == self._tenant)
        ).one()
        if count >= MAX_SAVED_PROMPTS:
            raise ExhaustedError(
                f"The tenant has {count:,} saved prompts, and at most {MAX_SAVED_PROMPTS:,} are allowed. "
                "Delete one first.",
                reason="TOO_MANY_SAVED_PROMPTS",
                quota=str(TenantName(self._tenant)),
                waiting_helps=False,
            )

    def _find(self, session: Session, id: str) -> SavedPromptRow | None:
        query = select(SavedPromptRow).where(SavedPromptRow.tenant == self._tenant, SavedPromptRow.id == id)
        return session.scalars(query).one_or_none()

    def _require(self, session: Session, id: str) -> SavedPromptRow:
        row = self._find(session, id)
        if row is None:
            raise NotFoundError.of(str(SavedPromptName(self._tenant, id)))
        return row

    def _require_version(self, session: Session, row: SavedPromptRow, number: int) -> SavedPromptVersionRow:
        found = session.get(SavedPromptVersionRow, (row.key, number or row.latest_version))
        if found is None:
            remedy = f"Its newest version is {row.latest_version}."
            raise NotFoundError.of(str(SavedPromptVersionName(self._tenant, row.id, str(number))), remedy)
        return found

    def _replayed(self, session: Session, replay: Replay) -> SavedPrompt:
        row = self._find(session, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(SavedPromptName(self._tenant, replay.resource)))
        return _to_saved_prompt(row, self._require_version(session, row, row.latest_version))


def _equal(row: SavedPromptVersionRow, version: NewPromptVersion) -> bool:
    """Return whether a version has the same prompt, variables, parameters and model as another; notes may differ."""
    return (
        row.content == encode(PromptContent, version.content, "content")
        and row.parameters == dict(version.parameters)
        and row.model == version.model
    )


def _to_version(id: str, row: SavedPromptVersionRow, *, with_content: bool) -> SavedPromptVersion:
    return SavedPromptVersion(
        tenant=row.tenant,
        saved_prompt=id,
        number=row.number,
        content=decode(PromptContent, row.content) if with_content else None,
        parameters=row.parameters,
        model=row.model,
        note=row.note,
        creator=row.creator,
        create_time=row.create_time,
    )


def _to_saved_prompt(row: SavedPromptRow, version: SavedPromptVersionRow, *, with_content: bool = True) -> SavedPrompt:
    return SavedPrompt(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        description=row.description,
        tags=tuple(row.tags),
        version=_to_version(row.id, version, with_content=with_content),
        latest_version=row.latest_version,
        etag=resource_etag(row.create_time, row.change_count),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )
