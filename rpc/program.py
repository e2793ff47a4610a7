"""What the command lines of all programs share: version, log, and how an error becomes an exit status."""

from __future__ import annotations

import argparse
import errno
import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from rpc.errors import ExitCode, TrainerError
from rpc.plain_text import plain

VERSION = "0.1.0"

_EXIT_STATUS = """\
exit status: 0 done, 1 failed, 2 wrong usage, 3 unreachable, 4 refused,
130 interrupted"""

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the options every program has; none may be shortened.

    Args:
        prog: the program's name, which starts every line that it says on stderr.
        log_level: the default of --log-level.
    """

    def __init__(self, prog: str, *, description: str, log_level: str = "info", **settings: object) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        settings["epilog"] = f"{settings.get('epilog', '')}\n{_EXIT_STATUS}".lstrip()
        super().__init__(prog, description=description, allow_abbrev=False, **settings)  # type: ignore[arg-type]
        self._log_level = log_level

    def add_common_options(self) -> None:
        """Add --log-level, --log-file and --version; called last, so that they stand last in the help."""
        group = self.add_argument_group("log and version")
        group.add_argument(
            "--log-level",
            choices=("debug", "info", "warning", "error"),
            default=self._log_level,
            help="how much to log (default: %(default)s)",
        )
        group.add_argument("--log-file", metavar="FILE", help="append the log to FILE instead of stderr")
        group.add_argument("--version", action="version", version=f"roundhouse {VERSION}")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments in one line and exit with the status of a wrong usage."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {plain(message)}; {self.prog} -h lists the arguments\n")


class _Formatter(logging.Formatter):
    """Keeps each message on its line; only the trace of a bug takes more."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return plain(super().formatMessage(record))


def set_up_logging(level: str, file: str | None) -> None:
    """Send the log to stderr, or to the end of `file`.

    Raises:
        TrainerError: the file cannot be written.
    """
    try:
        handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    except OSError as error:
        raise TrainerError(f"--log-file {file}: {error.strerror}; choose another place") from error
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def calm_collector() -> None:
    """Let Python look for cycles less often: calls make hardly any, and looking costs a tenth of every small task."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class Unread(BrokenPipeError):
    """Whoever read our output has left before the end that was to be told."""


def exit_status(prog: str, body: Callable[[], int]) -> int:
    """Run the body of a program and return its exit status; what it raises becomes one line on stderr."""
    try:
        status = body()
        sys.stdout.flush()  # so that a reader who has left is noticed here
        return status
    except TrainerError as error:
        print(f"{prog}: {plain(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError as error:
        _drop_output()  # the reader of our output (head, say) has left
        return ExitCode.DONE if not isinstance(error, Unread) else ExitCode.FAILED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            _drop_output()
            where = plain(str(error.filename)) if error.filename else "the output"
            print(f"{prog}: {where} cannot be written: {error.strerror}", file=sys.stderr)
            return ExitCode.FAILED
        logger.debug("unexpected error", exc_info=True)
        where = "--log-level debug shows where"
        print(f"{prog}: a bug: {type(error).__name__}: {plain(str(error))}; {where}", file=sys.stderr)
        return ExitCode.FAILED


def _drop_output() -> None:
    """Python would complain of what is not written yet once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
