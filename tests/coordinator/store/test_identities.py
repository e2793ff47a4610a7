"""Tokens and the audit log in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.store import identities
from coordinator.store.identity_changes import Audited, TokenKept, TokenRemoved
from coordinator.store.store import Store
from tests.coordinator.store.stores import Batches

TOKEN = TokenKept("a1B2c3D4e5", "0" * 64, "submitter", "ann", "laptop", "", made_ms=5, expires_ms=9)


def audited(number: int) -> Audited:
    return Audited(number, TOKEN.id, "ann", "submitter", "10.0.0.7:4711", "cancel_work", f"run-{number}", "done")


def test_a_token_is_what_was_said_of_it_last(store: Store) -> None:
    batches = Batches(store)
    other = replace(TOKEN, id="other", made_ms=4)
    batches.write(TOKEN, other)
    assert store.reader.tokens() == (other, TOKEN)
    revoked = replace(TOKEN, revoked_ms=7, used_ms=6)
    batches.write(revoked, TokenRemoved("other"))
    assert store.reader.tokens() == (revoked,)


def test_what_a_store_begins_with_is_committed_before_any_batch(store: Store) -> None:
    store.begin_with(TOKEN)
    assert store.reader.tokens() == (TOKEN,)
    Batches(store).write(TokenRemoved(TOKEN.id))
    assert store.reader.tokens() == ()


def test_the_audit_log_is_read_from_its_end(store: Store) -> None:
    batches = Batches(store)
    batches.write(*map(audited, (1, 2)))
    batches.write(audited(3))
    newest = store.reader.audit(before=0, limit=2)
    assert [(row.at_ms, row.subject, row.outcome) for row in newest] == [(3, "run-3", "done"), (2, "run-2", "done")]
    assert [row.at_ms for row in store.reader.audit(before=newest[-1].number, limit=2)] == [1]


def test_the_oldest_rows_of_the_audit_log_give_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "_THIN", identities.thinning(3))
    batches = Batches(store)
    for number in range(1, 6):
        batches.write(audited(number))
    assert [row.at_ms for row in store.reader.audit(before=0, limit=9)] == [5, 4, 3]
