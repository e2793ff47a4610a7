"""How the loops of the extra `fast` are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile at the first call, or load from the cache on disk; the loops release the GIL.

    NaN stays NaN: of fastmath only the fusing of a product and a sum is allowed. NumPy's error model lets divisions
    be vectorized.
    """
    compile_it = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
    return cast(Function, compile_it(function))
