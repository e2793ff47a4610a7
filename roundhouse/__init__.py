"""What `pip install` gives to Python programs: `from roundhouse import connect`."""

from typing import TYPE_CHECKING, Any

from client.api import Job, JobResult, Model, Result, Run, Session, connect
from rpc.errors import RunFailed, TrainerError
from rpc.program import VERSION as __version__

if TYPE_CHECKING:
    from roundhouse.classifier import RoundhouseClassifier as RoundhouseClassifier

__all__ = [
    "Job",
    "JobResult",
    "Model",
    "Result",
    "Run",
    "RunFailed",
    "Session",
    "TrainerError",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> Any:
    """Import RoundhouseClassifier when it is asked for: all else is quick, and works without scikit-learn."""
    if name != "RoundhouseClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError as error:
        what = "RoundhouseClassifier needs scikit-learn: pip install 'roundhouse[sklearn]'"
        raise ModuleNotFoundError(what, name="sklearn") from error
    from roundhouse.classifier import RoundhouseClassifier

    return RoundhouseClassifier
