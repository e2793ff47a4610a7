"""What `pip install` gives to Python programs: `from roundhouse import connect`."""

from client.api import Model, Result, Run, Session, connect
from rpc.errors import RunFailed, TrainerError
from rpc.program import VERSION as __version__

__all__ = ["Model", "Result", "Run", "RunFailed", "Session", "TrainerError", "__version__", "connect"]
