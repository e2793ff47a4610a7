"""The settings of a compute node: each is a flag, a variable `ROUNDHOUSE_...` and a key of the file alike."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rpc.addresses import split_address
from rpc.argument_types import checked, port, said, seconds, share
from rpc.messages import MAX_SLOTS
from rpc.open_binds import HELP

GB = 10**9

_MAX_LABEL = 200
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Option:
    """One setting.

    Attributes:
        name: as the file spells it; the flag has `-` for `_`.
        kind: reads its text; raises ArgumentTypeError or ValueError.
        default: the value where nobody says anything; of one that may be given many times, ().
        is_switch: it is on or off.
        shown: the value for others to read, without secrets.
        is_flag: false of what the parser has by another way.
    """

    name: str
    help: str = ""
    kind: Callable[[str], Any] = str
    default: Any = None
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    shown: Callable[[Any], str] = str
    is_flag: bool = True

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_list(self) -> bool:
        return isinstance(self.default, tuple)

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the flag; the parser leaves None where it is not given."""
        if self.is_switch:
            parser.add_argument(self.flag, action="store_true", default=None, help=self.help)
            return
        action = "append" if self.is_list else "store"
        parser.add_argument(
            self.flag, action=action, type=self.kind, metavar=self.metavar, choices=self.choices or None, help=self.help
        )


def slot_count(text: str) -> int:
    return checked(text, int, lambda value: 1 <= value <= MAX_SLOTS, f"a number from 1 to {MAX_SLOTS}")


def address(text: str) -> tuple[str, int]:
    found = split_address(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, not {text!r}")
    return found


def gigabytes(text: str) -> int:
    """Bytes, of a number of GB."""
    return int(GB * checked(text, float, lambda value: 0.0 < value <= 1e6, "GB above 0"))


def label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals) or len(text) > _MAX_LABEL:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE of at most {_MAX_LABEL} characters, not {text[:50]!r}")
    return name, value


def without_password(url: str) -> str:
    """A URL that may be shown."""
    return re.sub(r"//[^/@]*@", "//***@", url)


POSITIONAL = (
    Option("port", kind=port, is_flag=False),
    Option("load_probability", kind=share, default=0.0, is_flag=False),
)
COMMON = (
    Option("log_level", default="warning", choices=_LEVELS, is_flag=False),
    Option("log_file", is_flag=False),
    Option("token", default="", is_flag=False, shown=lambda token: "***"),
)
NODE = (
    Option(
        "join", "dial this coordinator in place of serving on a port: no inbound connection is needed", address,
        metavar="HOST:PORT", shown=lambda place: f"{place[0]}:{place[1]}",
    ),
    Option("host", "address to serve on (default: 127.0.0.1)", default="127.0.0.1"),
    Option("slots", "tasks that run at the same time (default: 1)", slot_count, default=1),
    Option("name", "name shown to people (default: HOST:PORT)", default=""),
    Option("device", "auto, cpu, cuda or cuda:N: where to compute (default: a GPU if there is one)", default="auto"),
    Option("delay", "seconds of a delay (default: 3)", seconds, default=3.0, metavar="S"),
    Option("chaos_seed", "seed of the coin for declining and delaying (default: 0)", int, default=0),
    Option("data_dir", "where shards are kept (default: a temporary folder)", metavar="DIR"),
    Option(
        "cache_gb", "shards, bundles, data sets, environments, built images that are kept; the least recently used go"
        " first, none that is in use (default: 10)", gigabytes, default=10 * GB, metavar="GB",
        shown=lambda size: f"{size / GB:g}",
    ),
    Option(
        "key_file", "who this node is; made if not there (default: node.key in the data folder)", metavar="FILE"
    ),
    Option(
        "label", "something to tell of this node", label, default=(), metavar="NAME=VALUE",
        shown=lambda pair: f"{pair[0]}={pair[1]}",
    ),
    Option(
        "token_file", "a token: with --join the one that the coordinator is shown, else the one that coordinators must"
        " show", metavar="FILE",
    ),
    Option(
        "tls_cert", "a certificate (PEM) that this node shows: without --join to callers, who get in inside TLS alone,"
        " else to a coordinator that wants one", metavar="FILE",
    ),
    Option("tls_key", "its private key (default: in the same file)", metavar="FILE"),
    Option("tls_client_ca", "serve only coordinators that these certificates vouch for (PEM)", metavar="FILE"),
    Option("tls_ca", "join inside TLS, and trust these certificates (PEM), or `system`", said, "", metavar="FILE"),
    Option(
        "tls_fingerprint", "the same for the authority that `client.py join-command` tells of", said, "",
        metavar="SHA256",
    ),
    Option("insecure_i_know", HELP, default=False, is_switch=True),
    Option("drain_grace", "seconds that SIGTERM lets what runs go on (default: 3)", seconds, default=3.0, metavar="S"),
    Option("exit_when_drained", "end when the coordinator has drained this node", default=False, is_switch=True),
)  # fmt: skip
