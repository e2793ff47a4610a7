"""The kernels that all of `mlcore` computes through: chosen by device, limited in threads, named by class."""

from mlcore.kernels.backend import Backend
from mlcore.kernels.select import get_backend
from mlcore.kernels.selftest import numeric_class
from mlcore.kernels.threads import set_threads

__all__ = ["Backend", "get_backend", "numeric_class", "set_threads"]
