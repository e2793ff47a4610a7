"""The Pythons that jobs run by: the node's own, or that of an image."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from compute_node.scripts import interpreter_facts
from rpc.errors import BadRequest

IN_AN_IMAGE = "python3"  # however the image's PATH finds it


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python.

    Attributes:
        program: as it is started.
        identity: two with the same one can use the same environment.
        markers: what it says to the markers of requirements.
        image: the id of the image that it is in; empty: it is the node's.
    """

    program: str
    identity: tuple[str, ...]
    markers: Mapping[str, str]
    image: str = ""


def _own_program() -> str:
    """This Python, as it is called where the folder that it is in is shown: the way there may lead through a link."""
    inside = os.path.relpath(sys.executable, sys.prefix)
    return sys.executable if inside.startswith(os.pardir) else os.path.join(os.path.realpath(sys.prefix), inside)


HERE = Interpreter(_own_program(), tuple(interpreter_facts.identity()), interpreter_facts.markers())


def interpreter_of_an_image(image: str, words: str) -> Interpreter:
    """The Python of an image, of what it has printed of itself there.

    Raises:
        BadRequest: that is something else.
    """
    try:
        facts = json.loads(words)
        identity = tuple(str(each) for each in facts["identity"])
        markers = {str(name): str(value) for name, value in facts["markers"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadRequest(f"its python3 does not tell what it is: {words[-200:]!r}") from error
    return Interpreter(IN_AN_IMAGE, identity, markers, image)
