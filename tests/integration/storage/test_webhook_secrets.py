"""The secrets of webhooks: the database holds them only encrypted, and one that was changed harms no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from factories.stored import store_experiment, store_tenant
from foreword.domain.webhook import DisableReason
from foreword.errors import FailedPreconditionError
from foreword.storage.database import Database
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.webhooks import NewSecret, WebhookRepository
from foreword.storage.sealing import Sealer
from foreword.storage.tables import WebhookRow
from foreword.storage.workers.delivery_queue import ClaimedDelivery, DeliveryQueue

MINUTE = timedelta(minutes=1)


def create(database: Database, tenant: str = "acme") -> NewSecret:
    store_tenant(database, tenant)
    return WebhookRepository(database, tenant).create(url="https://hooks.example.com/", kinds=["*"])


def stored(database: Database) -> dict[str, tuple[str, str | None]]:
    """Return what the database holds, by webhook."""
    with database.read() as session:
        rows = session.scalars(select(WebhookRow)).all()
        return {row.id: (row.secret, row.previous_secret) for row in rows}


def claim(database: Database) -> list[ClaimedDelivery]:
    queue = DeliveryQueue(database, wait_seconds=lambda _: 1.0)
    return queue.claim(places=10, unproven_places=10, lease=MINUTE)


def end_a_run(database: Database, tenant: str = "acme") -> None:
    ExperimentRepository(database, tenant).request_cancel(store_experiment(database, tenant).id)


def test_secrets_are_stored_encrypted_and_sign_events(database: Database):
    made = create(database)
    repository = WebhookRepository(database, "acme")
    rotated = repository.rotate_secret(made.webhook.id)
    end_a_run(database)

    ((current, previous),) = stored(database).values()
    (claimed,) = claim(database)

    assert made.secret.startswith("whsec_")
    assert previous is not None
    assert all("whsec" not in text for text in (current, previous))
    assert claimed.secrets == (rotated.secret, made.secret)
    assert repository.receiver(made.webhook.id).secrets == (rotated.secret,)


def test_other_servers_of_the_database_read_the_secrets(database: Database, database_url: str):
    made = create(database)

    other = Database(database_url)
    found = WebhookRepository(other, "acme").receiver(made.webhook.id)
    other.close()

    assert found.secrets == (made.secret,)


def test_a_secret_that_was_moved_or_changed_disables_its_webhook_and_no_other(database: Database):
    moved, sound = create(database), create(database, "globex")
    with database.write() as session:
        text = stored(database)[sound.webhook.id][0]
        session.execute(update(WebhookRow).where(WebhookRow.id == moved.webhook.id).values(secret=text))
    for tenant in ("acme", "globex"):
        end_a_run(database, tenant)

    (claimed,) = claim(database)
    repository = WebhookRepository(database, "acme")
    with pytest.raises(FailedPreconditionError, match="foreword webhooks rotate") as caught:
        repository.receiver(moved.webhook.id)
    disabled = repository.get(moved.webhook.id).disable_reason
    again = repository.rotate_secret(moved.webhook.id, overlap=timedelta())
    repository.update(moved.webhook.id, enabled=True)

    assert claimed.tenant == "globex"
    assert caught.value.reason == "WEBHOOK_SECRET_UNREADABLE"
    assert disabled is DisableReason.FAILING
    assert [item.secrets for item in claim(database)] == [(again.secret,)]


def test_a_secret_that_an_older_server_has_stored_is_read(database: Database):
    made = create(database)
    with database.write() as session:
        session.execute(update(WebhookRow).values(secret="whsec_AAAA"))

    assert WebhookRepository(database, "acme").receiver(made.webhook.id).secrets == ("whsec_AAAA",)


@pytest.mark.parametrize("text", ["", "not base64 !", "AAAA", "A" * 80])
def test_a_text_that_was_not_sealed_is_refused(text: str):
    sealer = Sealer(bytes(32))

    with pytest.raises(ValueError, match="not sealed"):
        sealer.open(text, b"place")

    assert sealer.open(sealer.seal(b"content", b"place"), b"place") == b"content"
    with pytest.raises(ValueError, match="this place"):
        sealer.open(sealer.seal(b"content", b"place"), b"elsewhere")
