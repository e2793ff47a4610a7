"""What takes a container engine long, such as a pull: its words as it says them, and an end to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any

from requests.exceptions import RequestException

from compute_node.scripts.engine import words
from rpc.errors import SetupFailed

_CONNECT_S = 30.0


def work(api: Any, path: str, params: Mapping[str, str], *, timeout_s: float) -> Iterator[dict[str, Any]]:
    """Ask for something; yield what the engine says, until it is done. It stops when nobody listens any more.

    By a request of our own: the library has no time limit for these.

    Raises:
        SetupFailed: the engine refuses, or does not come to an end in time.
    """
    deadline = monotonic() + timeout_s
    url = f"{api.base_url}/v{api.api_version}{path}"
    try:
        with api.post(url, params=params, stream=True, timeout=(_CONNECT_S, timeout_s)) as answer:
            if answer.status_code >= 400:
                raise SetupFailed(f"the container engine refuses: {' '.join(answer.text.split())[:500]}")
            for line in answer.iter_lines():
                if monotonic() > deadline:
                    raise SetupFailed(f"the container engine was not done after {timeout_s:g} s")
                if line:
                    yield json.loads(line)
    except (RequestException, ValueError) as error:
        raise SetupFailed(f"the container engine stopped in the middle of it: {words(error)}") from error
