"""Pages that were built and that no browser has opened yet: each holds 0.4 MB, so that few of them are kept.

Whoever asks for pages and opens none would else have one kept for a minute each time.
"""

from __future__ import annotations

from collections import deque

from nicegui import Client

_MOST = 256  # 0.1 GB: two hundred dashboards that lost their server come back at once, and each opens what it got


class Unopened:
    """The last pages, in the order in which they were built."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque()

    def add(self, client: Client) -> None:
        """A page is built; the oldest goes if there are too many, unless a browser shows it."""
        self._ids.append(client.id)
        if len(self._ids) > _MOST:
            oldest = Client.instances.get(self._ids.popleft())
            if oldest is not None and not oldest.has_socket_connection:
                oldest.delete()
