"""The times that a cron expression names, as milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from rpc.errors import BadRequest

_NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_MINUTE_MS = 60_000


def check_cron(cron: str, zone: str) -> None:
    """Raise BadRequest if this is no cron expression of five fields, or no time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequest(f"{zone[:100]!r} is no time zone; write one as in UTC or Europe/Berlin") from error
    fields = _NAMES.get(cron, cron)
    try:
        if len(fields.split()) != _FIELDS:
            raise CronSimError("not five fields")
        CronSim(fields, datetime.now(UTC))
    except CronSimError as error:
        raise BadRequest(
            f"{cron[:100]!r} is no cron expression ({error}); it is minute, hour, day of month, month and day of week, "
            f"as in '*/15 6-18 * * 1-5', or one of {', '.join(_NAMES)}"
        ) from error


def next_after(cron: str, zone: str, at_ms: int) -> int:
    """The first of its times after this one; 0 if there is none. A clock that is put on or back: as Debian's cron."""
    return _first(CronSim(_NAMES.get(cron, cron), _local(zone, at_ms)))


def last_until(cron: str, zone: str, at_ms: int) -> int:
    """The last of its times that is not after this one; 0 if there is none."""
    return _first(CronSim(_NAMES.get(cron, cron), _local(zone, at_ms + _MINUTE_MS), reverse=True), not_after=at_ms)


def _local(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000.0, ZoneInfo(zone))


def _first(times: CronSim, not_after: int | None = None) -> int:
    for each in times:
        at_ms = round(each.timestamp() * 1000.0)
        if not_after is None or at_ms <= not_after:
            return at_ms
    return 0
