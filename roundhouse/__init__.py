"""What `pip install` gives to Python programs: `from roundhouse import connect`."""

from client.api import Model, Result, Run, Session, connect
from rpc.program import VERSION as __version__

__all__ = ["Model", "Result", "Run", "Session", "__version__", "connect"]
