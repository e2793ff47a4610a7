"""Thrift's C codec, without which nothing here is sent or read: the one in Python is many times slower."""

from __future__ import annotations

try:
    from thrift.protocol import fastbinary
except ImportError as error:  # the wheels have it; a source install without a compiler silently lacks it
    raise ImportError(
        "thrift lacks its C codec (fastbinary); install a wheel: pip install --only-binary :all: thrift"
    ) from error

__all__ = ["fastbinary"]
