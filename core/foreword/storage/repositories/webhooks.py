"""Webhooks of a tenant, and the deliveries of events to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from foreword.domain.webhook import (
    GIVE_UP,
    MAX_WEBHOOKS,
    SECRET_OVERLAP,
    Attempt,
    DeliveryState,
    DisableReason,
    Webhook,
    WebhookDelivery,
)
from foreword.errors import AbortedError, AlreadyExistsError, ExhaustedError, FailedPreconditionError, NotFoundError
from foreword.names import TenantName, WebhookDeliveryName, WebhookName, check_id
from foreword.storage.audit.changes import note_change
from foreword.storage.codec import decode
from foreword.storage.database import Database
from foreword.storage.etags import resource_etag
from foreword.storage.events.webhook_schedule import disable, reschedule
from foreword.storage.lists.list_specs import WEBHOOK_DELIVERIES, WEBHOOKS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.spaces import require_space
from foreword.storage.repositories.tenants import require_tenant
from foreword.storage.repositories.webhook_secrets import WebhookSecrets, new_secret
from foreword.storage.tables import WebhookDeliveryRow, WebhookRow
from foreword.storage.texts import check_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A webhook, with its secret if it was made by this request or by the request that this one repeats."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where to send events, and what to sign them with; the current secret is the first."""

    url: str
    secrets: tuple[str, ...]


class WebhookRepository:
    """The webhooks of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        url: str,
        kinds: Sequence[str],
        display_name: str = "",
        space: str | None = None,
        enabled: bool = True,
        id: str | None = None,
        creator: str = "",
        request: RequestKey | None = None,
    ) -> NewSecret:
        """Create a webhook with a new secret. An empty display name becomes the host of the URL.

        Args:
            kinds: Patterns of kinds of events; see `domain.events.kind_patterns`.
            space: Id of the space to which events of deployments are limited; None for all.
            id: Id; None to generate one.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: The tenant, the space or the webhook of a replayed request does not exist.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many webhooks.
        """
        check_texts(url=url, display_name=display_name)
        if id is not None:
            check_id(id, "webhook_id")
        secrets, secret = WebhookSecrets.of(self._database), new_secret()
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay, secrets)
            require_tenant(session, self._tenant)
            if space is not None:
                require_space(session, self._tenant, space)
            self._check_room(session)
            id = id or self._database.new_id()
            if self._find(session, id) is not None:
                name = str(WebhookName(self._tenant, id))
                raise AlreadyExistsError(f"{name} already exists. Choose another id.", metadata={"resource": name})
            now = self._database.clock(session)
            row = WebhookRow(
                tenant=self._tenant,
                id=id,
                display_name=display_name or _host(url),
                url=url,
                kinds=list(kinds),
                space=space,
                disable_reason=None if enabled else DisableReason.REQUESTED.value,
                secret=secrets.seal(self._tenant, id, secret),
                secret_create_time=now,
                previous_secret=None,
                previous_expire_time=None,
                consecutive_failures=0,
                failing_since=None,
                last_success_time=None,
                retry_time=None,
                next_due_time=None,
                change_count=0,
                creator=creator,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            remember(session, self._tenant, request, id, now)
            return NewSecret(webhook=_webhook(row), secret=secret)

    def get(self, id: str) -> Webhook:
        """Return a webhook.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            return _webhook(self._require(session, id))

    def receiver(self, id: str) -> Receiver:
        """Return where and how a test event is sent, also while the webhook is disabled.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        secrets = WebhookSecrets.of(self._database)
        with self._database.read() as session:
            row = self._require(session, id)
            return Receiver(url=row.url, secrets=(secrets.open(self._tenant, id, row.secret),))

    def list(self, request: ListRequest = FIRST_PAGE, *, take: Take[Webhook] = take_any) -> Page[Webhook]:
        """List webhooks, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        return ListReader(
            database=self._database,
            spec=WEBHOOKS,
            tenant=self._tenant,
            conditions=[WebhookRow.tenant == self._tenant],
            convert=lambda _, rows: map(_webhook, rows),
        ).read(request, take)

    def update(
        self,
        id: str,
        *,
        etag: str = "",
        display_name: str | None = None,
        url: str | None = None,
        kinds: Sequence[str] | None = None,
        enabled: bool | None = None,
        request: RequestKey | None = None,
    ) -> Webhook:
        """Change the fields that are not None.

        A webhook that is enabled or gets another address starts afresh: what waits for it is sent at once.

        Args:
            etag: Etag that the caller has read; if empty, it is not checked.

        Raises:
            NotFoundError: It does not exist in the tenant.
            AbortedError: It has changed since the etag was read.
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(url=url, display_name=display_name)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay).webhook
            row = self._require(session, id, for_update=True)
            name = str(WebhookName(self._tenant, id))
            if etag and etag != _etag(row):
                raise AbortedError(
                    f"{name} has changed. Read it again and repeat the update.", metadata={"resource": name}
                )
            now = self._database.clock(session)
            row.display_name = row.display_name if display_name is None else display_name
            row.kinds = row.kinds if kinds is None else list(kinds)
            is_moved = url is not None and url != row.url
            if url is not None and is_moved:
                row.url, row.last_success_time = url, None
            is_fresh = is_moved or (enabled is True and row.disable_reason is not None)
            if enabled is False and row.disable_reason is None:
                disable(row, DisableReason.REQUESTED, now)
            elif enabled:
                row.disable_reason = None
            if is_fresh:
                row.consecutive_failures, row.failing_since, row.retry_time = 0, None, None
                session.execute(
                    update(WebhookDeliveryRow)
                    .where(
                        WebhookDeliveryRow.webhook_key == row.key,
                        WebhookDeliveryRow.state == DeliveryState.PENDING.value,
                    )
                    .values(due_time=now)
                )
            reschedule(session, row)
            row.change_count += 1
            row.update_time = now
            remember(session, self._tenant, request, id, now)
            return _webhook(row)

    def rotate_secret(
        self, id: str, *, overlap: timedelta = SECRET_OVERLAP, request: RequestKey | None = None
    ) -> NewSecret:
        """Make a new secret.

        Args:
            overlap: Time for which events are also signed with the secret that is current until now.

        Raises:
            NotFoundError: It does not exist in the tenant.
            AlreadyExistsError: The request id was already used with other content.
        """
        secrets, secret = WebhookSecrets.of(self._database), new_secret()
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay, secrets)
            row = self._require(session, id, for_update=True)
            now = self._database.clock(session)
            row.previous_secret, row.previous_expire_time = (row.secret, now + overlap) if overlap else (None, None)
            row.secret, row.secret_create_time = secrets.seal(self._tenant, id, secret), now
            row.change_count += 1
            row.update_time = now
            remember(session, self._tenant, request, id, now)
            return NewSecret(webhook=_webhook(row), secret=secret)

    def delete(self, id: str) -> None:
        """Delete a webhook with its deliveries; those that wait are not sent any more.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.write_tenant(self._tenant) as session:
            session.delete(self._require(session, id, for_update=True))

    def list_deliveries(
        self, id: str, request: ListRequest = FIRST_PAGE, *, take: Take[WebhookDelivery] = take_any
    ) -> Page[WebhookDelivery]:
        """List the deliveries to a webhook that are kept, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The webhook does not exist in the tenant.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        webhook = select(WebhookRow.key).where(WebhookRow.tenant == self._tenant, WebhookRow.id == id)

        def check(session: Session) -> None:
            self._require(session, id)

        def convert(session: Session, rows: Sequence[WebhookDeliveryRow]) -> Iterable[WebhookDelivery]:
            row = self._require(session, id)
            return (_delivery(row, item) for item in rows)

        return ListReader(
            database=self._database,
            spec=WEBHOOK_DELIVERIES,
            tenant=self._tenant,
            parent=id,
            conditions=[WebhookDeliveryRow.webhook_key == webhook.scalar_subquery()],
            convert=convert,
            check=check,
        ).read(request, take)

    def redeliver(self, id: str, event: str) -> WebhookDelivery:
        """Send an event again, or a waiting one at once. It has as much time as a new event.

        Raises:
            NotFoundError: The webhook or the delivery does not exist in the tenant.
            FailedPreconditionError: The webhook is disabled.
        """
        with self._database.write_tenant(self._tenant) as session:
            webhook = self._find(session, id, for_update=True)
            of_webhook = WebhookDeliveryRow.webhook_key == (None if webhook is None else webhook.key)
            row = session.scalars(
                select(WebhookDeliveryRow).where(of_webhook, WebhookDeliveryRow.id == event)
            ).one_or_none()
            if webhook is None or row is None:
                raise NotFoundError.of(str(WebhookDeliveryName(self._tenant, id, event)))
            if webhook.disable_reason is not None:
                name = str(WebhookName(self._tenant, id))
                raise FailedPreconditionError(
                    f"{name} is disabled. Enable it first: foreword webhooks update {id} --enable",
                    reason="WEBHOOK_DISABLED",
                    metadata={"resource": name},
                )
            now = self._database.clock(session)
            row.give_up_time = now + GIVE_UP
            if row.state != DeliveryState.SENDING.value:
                row.state, row.due_time = DeliveryState.PENDING.value, now
                webhook.retry_time = None
            reschedule(session, webhook)
            note_change(session, str(WebhookDeliveryName(self._tenant, id, event)))
            return _delivery(webhook, row)

    def _find(self, session: Session, id: str, *, for_update: bool = False) -> WebhookRow | None:
        query = select(WebhookRow).where(WebhookRow.tenant == self._tenant, WebhookRow.id == id)
        return session.scalars(query.with_for_update() if for_update else query).one_or_none()

    def _require(self, session: Session, id: str, *, for_update: bool = False) -> WebhookRow:
        row = self._find(session, id, for_update=for_update)
        if row is None:
            raise NotFoundError.of(str(WebhookName(self._tenant, id)))
        return row

    def _replayed(self, session: Session, replay: Replay, secrets: WebhookSecrets | None = None) -> NewSecret:
        row = self._find(session, replay.resource)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(WebhookName(self._tenant, replay.resource)))
        secret = ""
        if secrets is not None and row.secret_create_time == replay.time:
            secret = secrets.open(self._tenant, row.id, row.secret)
        return NewSecret(webhook=_webhook(row), secret=secret)

    def _check_room(self, session: Session) -> None:
        count = session.scalars(select(func.count()).where(WebhookRow.tenant == self._tenant)).one()
        if count >= MAX_WEBHOOKS:
            raise ExhaustedError(
                f"The tenant has {count} webhooks, and at most {MAX_WEBHOOKS} are allowed. Delete one first.",
                reason="TOO_MANY_WEBHOOKS",
                waiting_helps=False,
                quota=str(TenantName(self._tenant)),
            )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _etag(row: WebhookRow) -> str:
    return resource_etag(row.create_time, row.change_count)


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        tenant=row.tenant,
        id=row.id,
        display_name=row.display_name,
        url=row.url,
        kinds=tuple(row.kinds),
        space=row.space,
        disable_reason=None if row.disable_reason is None else DisableReason(row.disable_reason),
        failing_since=row.failing_since,
        consecutive_failures=row.consecutive_failures,
        last_success_time=row.last_success_time,
        secret_create_time=row.secret_create_time,
        etag=_etag(row),
        creator=row.creator,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _delivery(webhook: WebhookRow, row: WebhookDeliveryRow) -> WebhookDelivery:
    state = DeliveryState(row.state)
    is_due = webhook.disable_reason is None and state is DeliveryState.PENDING
    return WebhookDelivery(
        tenant=row.tenant,
        webhook=webhook.id,
        id=row.id,
        kind=row.kind,
        resource=row.resource,
        state=state,
        attempts=row.attempts,
        last=None if row.last is None else decode(Attempt, row.last),
        next_attempt_time=row.due_time if is_due else None,
        create_time=row.create_time,
        last_attempt_time=row.last_attempt_time,
    )
