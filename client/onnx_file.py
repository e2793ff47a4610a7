"""A model as an ONNX file: the few protobuf messages of onnx.proto3 that a perceptron needs, written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rpc.errors import BadRequest

Array = NDArray[Any]
Layers = Sequence[tuple[Array, Array]]
Standardization: TypeAlias = tuple[Array, Array] | None

_IR_VERSION = 8
_OPSET = 13  # the first whose Softmax works on one axis; every runtime of the last years knows it
_MOST_BYTES = 2**31 - 1  # of a protobuf message
_TYPES = {"float32": 1, "float64": 11, "int64": 7}  # TensorProto.DataType
_INT_ATTRIBUTE = 2  # AttributeProto.AttributeType
_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}
_ROWS = "rows"  # the name of the size that is not fixed


def onnx_bytes(layers: Layers, *, activation: str, standardization: Standardization, about: dict[str, str]) -> bytes:
    """Return the file of a model: float64 `features` (rows, inputs) to int64 `class` (rows,) and `probabilities`.

    What is standardized is so inside the model, in float64 as in training. The layers compute in their own dtype.

    Args:
        layers: weights (out, in) and bias (out,) of each layer.
        standardization: offset and scale, each float64 (inputs,); None for raw features.
        about: texts that the file carries.

    Raises:
        BadRequest: the model is larger than such a file can be.
    """
    if sum(weights.nbytes + bias.nbytes for weights, bias in layers) > 0.99 * _MOST_BYTES:
        raise BadRequest("an ONNX file holds at most 2 GiB, which this model exceeds; keep it as .safetensors")
    dtype = layers[0][0].dtype.name
    nodes, tensors = _standardizing(standardization, dtype)
    for index, (weights, bias) in enumerate(layers):
        is_last = index == len(layers) - 1
        names = (f"layer{index}.weight", f"layer{index}.bias")
        tensors += [_tensor(names[0], weights), _tensor(names[1], bias)]
        source = f"hidden{index - 1}" if index else "input"
        nodes.append(_node("Gemm", (source, *names), "logits" if is_last else f"sum{index}", transB=1))
        if not is_last:
            nodes.append(_node(_ACTIVATIONS[activation], (f"sum{index}",), f"hidden{index}"))
    nodes.append(_node("ArgMax", ("logits",), "class", axis=1, keepdims=0))
    nodes.append(_node("Softmax", ("logits",), "probabilities", axis=1))
    n_inputs, n_classes = layers[0][0].shape[1], layers[-1][0].shape[0]
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, "roundhouse"),
            *(_field(5, tensor) for tensor in tensors),
            _field(11, _value("features", "float64", _ROWS, n_inputs)),
            _field(12, _value("class", "int64", _ROWS)),
            _field(12, _value("probabilities", dtype, _ROWS, n_classes)),
        ]
    )
    opset = _field(2, _OPSET)
    texts = [_field(14, _field(1, name) + _field(2, text)) for name, text in about.items()]
    return _field(1, _IR_VERSION) + _field(2, "roundhouse") + _field(7, graph) + _field(8, opset) + b"".join(texts)


def _standardizing(standardization: Standardization, dtype: str) -> tuple[list[bytes], list[bytes]]:
    """Return the nodes from `features` to `input`, and their tensors."""
    cast = {"to": _TYPES[dtype]}
    if standardization is None:
        return [_node("Cast", ("features",), "input", **cast)], []
    nodes = [
        _node("Sub", ("features", "offset"), "centred"),
        _node("Div", ("centred", "scale"), "standardized"),
        _node("Cast", ("standardized",), "input", **cast),
    ]
    return nodes, [_tensor(name, array) for name, array in zip(("offset", "scale"), standardization, strict=True)]


def _node(kind: str, inputs: Iterable[str], output: str, **attributes: int) -> bytes:
    """A NodeProto; its attributes are whole numbers."""
    named = [
        _field(5, _field(1, name) + _field(3, value) + _field(20, _INT_ATTRIBUTE)) for name, value in attributes.items()
    ]
    return b"".join([*(_field(1, name) for name in inputs), _field(2, output), _field(4, kind), *named])


def _tensor(name: str, array: Array) -> bytes:
    """A TensorProto."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, _TYPES[array.dtype.name]) + _field(8, name) + _field(9, little.tobytes())


def _value(name: str, dtype: str, *sizes: int | str) -> bytes:
    """A ValueInfoProto; a size that is not fixed has a name."""
    dims = [_field(1, _field(2 if isinstance(size, str) else 1, size)) for size in sizes]
    tensor_type = _field(1, _TYPES[dtype]) + _field(2, b"".join(dims))
    return _field(1, name) + _field(2, _field(1, tensor_type))


def _field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protobuf message: a varint, or bytes behind their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
