"""Whose store it is: one row with the writer, its epoch, and the newest batch that it committed."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from coordinator.store.failures import StoreHeld
from coordinator.store.rows import Holder
from coordinator.store.schema import writer


def this_process(address: str, since_ms: int) -> Holder:
    """This process as the holder of a store; it serves at `address` since then (ms since 1970)."""
    return Holder(socket.gethostname(), os.getpid(), address, since_ms)


def take_over(connection: Connection, holder: Holder, identity: str) -> tuple[str, int, int]:
    """Write down the new writer; return the identity of the store (the given one if it is new), the new epoch, and the
    number of the last event.

    The epoch is the time in ms, so that it grows even where the store was lost and began anew; or one more than the
    last one, where the clock was set back.
    """
    old = connection.execute(select(writer.c.identity, writer.c.epoch, writer.c.last_event)).first()
    epoch = holder.since_ms if old is None else max(old.epoch + 1, holder.since_ms)
    mine = {
        **{"host": holder.host, "pid": holder.pid, "address": holder.address, "since_ms": holder.since_ms},
        **{"epoch": epoch, "batch": 0, "late": []},
    }
    if old is None:
        connection.execute(insert(writer).values(identity=identity, last_event=0, **mine))
        return identity, epoch, 0
    connection.execute(update(writer).values(**mine))
    return old.identity, epoch, old.last_event


def holder_of(connection: Connection) -> Holder | None:
    """Who took the store over last."""
    row = connection.execute(select(writer.c.host, writer.c.pid, writer.c.address, writer.c.since_ms)).first()
    return None if row is None else Holder(*row)


def held(store: str, holder: Holder | None) -> StoreHeld:
    """The error for whoever comes second."""
    if holder is None:
        return StoreHeld(f"store {store} is in use by a coordinator that is just starting; stop it, or use another one")
    since = datetime.fromtimestamp(holder.since_ms / 1000, UTC)
    return StoreHeld(
        f"store {store} is in use by the coordinator at {holder.address} (process {holder.pid} on {holder.host}, since"
        f" {since:%Y-%m-%d %H:%M:%S} UTC); stop it, or use another store"
    )
