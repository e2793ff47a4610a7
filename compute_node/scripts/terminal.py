"""Questions to whoever sits at the node's terminal: yes or no, in time or not at all."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import TextIO

_LOOK_S = 0.2  # between two looks at whether the question still stands
_LINE_BYTES = 1000
_YES, _NO = ("y", "yes"), ("n", "no")


class Terminal:
    """Reads only while a question is open, and only as the program in the foreground: else the shell would stop it."""

    def __init__(self, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        self._source = sys.stdin if source is None else source
        self._screen = sys.stderr if screen is None else screen

    @property
    def is_there(self) -> bool:
        """Whether anybody can be asked."""
        with suppress(AttributeError, ValueError):  # there is none, or it is closed
            return self._source.isatty()
        return False

    def ask(self, question: str, withdrawn: Event, timeout_s: float) -> bool | None:
        """Show a question and wait; None for no answer in time. Blocks."""
        import termios  # not on Windows, which has no sandbox, and so nobody to ask

        fd = self._source.fileno()
        deadline = monotonic() + timeout_s
        with suppress(termios.error):
            termios.tcflush(fd, termios.TCIFLUSH)  # what was typed before is no answer to this
        self._say(f"{question} [y/n, {timeout_s:.0f} s] ")
        while not withdrawn.is_set() and (left_s := deadline - monotonic()) > 0.0:
            if not self._is_ours(fd):
                withdrawn.wait(min(left_s, _LOOK_S))
                continue
            if not select.select([fd], [], [], min(left_s, _LOOK_S))[0]:
                continue
            try:
                answer = os.read(fd, _LINE_BYTES)
            except OSError:
                break  # the terminal has gone
            word = answer.decode("utf-8", "replace").strip().lower()
            if word in _YES or word in _NO:
                return word in _YES
            if not answer:
                break
            self._say("y or n? ")
        self._say("withdrawn\n" if withdrawn.is_set() else "no answer: declined\n")
        return None

    def _is_ours(self, fd: int) -> bool:
        with suppress(OSError):
            return os.tcgetpgrp(fd) == os.getpgrp()
        return True  # not this session's terminal: nobody stops us for reading it

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._screen.write(text)
            self._screen.flush()
