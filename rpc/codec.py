"""Messages to frames and back: calls, results and failures in Thrift's strict binary protocol, framed.

Messages go through Thrift's C codec, but for their large binaries (see binaries.py). Exactly one frame is read, to
its last byte; whatever is wrong with it is a ProtocolError.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from struct import Struct, pack
from struct import error as StructError
from typing import Any, NamedTuple, NoReturn, TypeVar

from thrift.Thrift import TApplicationException, TException, TMessageType, TType

from rpc.binaries import MAX_ITEMS, MAX_REPLY_ITEMS, Path, places, with_filled, without
from rpc.convert import BULK_BYTES, Plan, message_plan, owned, plan, with_binary
from rpc.errors import BadRequest, ProtocolError, RemoteError
from rpc.failures import error_of, outcome_of
from rpc.fast_codec import fastbinary
from rpc.messages import MAX_FRAME_BYTES, Buffer
from rpc.services import Method, Outcome, Service, message_head
from rpc.templates import Filled

M = TypeVar("M")

_HEAD = Struct("!II")
_WORD = Struct("!i")
_MAX_NAME = 64
# What the codecs raise on bytes that are not a message, next to ProtocolError.
_MALFORMED = (
    TException,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    IndexError,
    RecursionError,
    MemoryError,
    StructError,
)
_UNFIT = (TException, TypeError, ValueError, OverflowError, AttributeError, StructError, SystemError)


class Call(NamedTuple):
    """One call as it came in; `seqid` goes into the reply."""

    method: Method
    seqid: int
    args: tuple[Any, ...]


class UnknownMethod(ProtocolError):
    """The call names a method that the service lacks."""

    def __init__(self, service: Service, name: str, seqid: int) -> None:
        super().__init__(f"{service.name} has no method {name!r}; is the caller of another version?")
        self.name = name
        self.seqid = seqid


class _Unexpected(NamedTuple):
    """What stock Thrift answers where nothing that is declared fits."""

    message: str | None = None
    type: int | None = None


_UNEXPECTED = plan(
    _Unexpected,
    (None, (1, TType.STRING, "message", "UTF8", None), (2, TType.I32, "type", None, None)),
    {"message": str, "type": int},
)


class _Source:
    """What the C codec reads from: protocol and transport in one, since it only looks for these names."""

    __slots__ = ("cstringio_buf",)
    string_length_limit = MAX_FRAME_BYTES
    container_length_limit = MAX_ITEMS

    def __init__(self, buffer: BytesIO) -> None:
        self.cstringio_buf = buffer

    @property
    def trans(self) -> _Source:
        return self

    def cstringio_refill(self, _read: bytes, _wanted: int) -> NoReturn:
        raise EOFError


def encode_call(method: Method, seqid: int, args: tuple[Any, ...]) -> list[Buffer]:
    """The frame of a call, in pieces; its one argument may be a filled template.

    Raises:
        BadRequest: an argument does not fit its type on the wire, or the message does not fit a frame.
    """
    head = method.call_head + _WORD.pack(seqid)
    try:
        if args and type(args[0]) is Filled:
            return _framed(args[0].template.pieces(head, args[0].fields))
        return _encode(method.call_plan, head, method.pack_arguments(*args))
    except _UNFIT as error:
        raise BadRequest(f"{method.name}: an argument does not fit its type: {error}") from error


def encode_result(method: Method, seqid: int, value: Any) -> list[Buffer]:
    """The frame of a result, in pieces.

    Raises:
        TypeError, ValueError, ...: whatever the codec says about a value of the wrong type, which is a
            bug of the handler.
        BadRequest: the message does not fit a frame.
    """
    return _encode(method.reply_plan, method.reply_head + _WORD.pack(seqid), Outcome(success=value))


def encode_failure(method: Method, seqid: int, error: Exception) -> list[Buffer]:
    """The frame that tells of an error; one that nobody expected gets a fixed text and goes to the log."""
    return _encode(method.reply_plan, method.reply_head + _WORD.pack(seqid), outcome_of(error, method))


def to_bytes(message: object) -> bytes:
    """One of our messages as bytes to keep; `from_bytes` takes them back, also those of an earlier version."""
    kind: Any = type(message)
    data: bytes = fastbinary.encode_binary(owned(message), message_plan(kind).codec)
    return data


def from_bytes(kind: type[M], data: bytes) -> M:
    """The message in the bytes that `to_bytes` made.

    Raises:
        ProtocolError: they hold no such message.
    """
    wanted: Any = kind
    try:
        message: M = fastbinary.decode_binary(None, _Source(BytesIO(data)), message_plan(wanted).codec)
    except _MALFORMED as error:
        raise ProtocolError(f"not a {kind.__name__}: {_words(error)}") from error
    return message


def encode_unknown_method(error: UnknownMethod) -> list[Buffer]:
    """The frame that stock Thrift answers to a method that is not there."""
    head = message_head(TMessageType.EXCEPTION, error.name) + _WORD.pack(error.seqid)
    return _encode(_UNEXPECTED, head, _Unexpected(str(error), TApplicationException.UNKNOWN_METHOD))


def decode_call(service: Service, frame: memoryview) -> Call:
    """The call in a frame; a binary above BULK_BYTES in its arguments is a memoryview of the frame.

    Raises:
        UnknownMethod: the service has no such method.
        ProtocolError: the frame is not exactly one call.
    """
    try:
        end = 8 + frame[7]  # of the name, if it has fewer than 256 bytes
        method = service.by_call_head.get(bytes(frame[:end]))
        if method is None:
            raise _no_method(service, frame)
        return Call(method, _WORD.unpack_from(frame, end)[0], _decode(method.call_plan, frame, end + 4, MAX_ITEMS))
    except _MALFORMED as error:
        raise ProtocolError(f"not a call of {service.name}: {_words(error)}") from error


def _no_method(service: Service, frame: memoryview) -> ProtocolError:
    kind, name, seqid, _ = _read_head(frame)
    if kind != TMessageType.CALL:
        return ProtocolError(f"a message of kind {kind} came where a call was due")
    return UnknownMethod(service, name, seqid)


def decode_reply(method: Method, seqid: int, frame: memoryview) -> Any:
    """The result in a reply to call number `seqid`; a binary above BULK_BYTES is a memoryview of the frame.

    Raises:
        TrainerError, TaskRejected: what the other side answered.
        ProtocolError: the frame is not exactly one reply to this call.
    """
    try:
        outcome = _read_outcome(method, seqid, frame)
    except _MALFORMED as error:
        raise ProtocolError(f"not a reply to {method.name}: {_words(error)}") from error
    declared = error_of(outcome)
    if declared is not None:
        raise declared
    if outcome.success is None and not method.returns_nothing:
        raise ProtocolError(f"the reply to {method.name} is empty")
    return outcome.success


def _read_outcome(method: Method, seqid: int, frame: memoryview) -> Outcome:
    head = method.reply_head + _WORD.pack(seqid)
    if frame[: len(head)] == head:  # nearly always
        outcome: Outcome = _decode(method.reply_plan, frame, len(head))
        return outcome
    kind, name, number, start = _read_head(frame)
    if (name, number) != (method.name, seqid):
        raise ProtocolError(f"the reply is to {name} number {number}, not to {method.name} number {seqid}")
    if kind == TMessageType.EXCEPTION:
        unexpected: _Unexpected = _decode(_UNEXPECTED, frame, start)
        raise RemoteError(f"{method.name}: {unexpected.message or 'failed without a word'}")
    raise ProtocolError(f"a message of kind {kind} came where a reply to {method.name} was due")


def _read_head(frame: memoryview) -> tuple[int, str, int, int]:
    """Kind, method name, sequence number, and where the struct begins."""
    first, length = _HEAD.unpack_from(frame)
    if first & 0xFFFF0000 != 0x80010000 or length > _MAX_NAME:
        raise ProtocolError("no strict binary message header")
    end = 8 + length
    return first & 0xFF, str(frame[8:end], "utf-8"), _WORD.unpack_from(frame, end)[0], end + 4


def _decode(plan: Plan, frame: memoryview, start: int, most: int = MAX_REPLY_ITEMS) -> Any:
    if plan.prepare is None or len(frame) <= BULK_BYTES:
        return _decode_whole(plan, frame, start)
    # Of a field that comes twice the last.
    found = {place.path: place for place in places(frame, start, plan.layout, most)}
    large = [place for place in found.values() if place.length > BULK_BYTES]
    value = _decode_whole(plan, without(frame, start, large), 0)
    for place in large:
        value = with_binary(value, place.path, frame[place.start : place.end])
    return value


def _decode_whole(plan: Plan, message: Buffer, start: int) -> Any:
    source = BytesIO(message)
    source.seek(start)
    value = fastbinary.decode_binary(None, _Source(source), plan.codec)
    left = len(message) - source.tell()
    if left:
        raise ProtocolError(f"{left} bytes are left over")
    return value


def _encode(plan: Plan, head: bytes, value: Any) -> list[Buffer]:
    large: Mapping[Path, memoryview] = {}
    if plan.prepare is not None:
        value, large = plan.prepare(value)
    message = head + fastbinary.encode_binary(value, plan.codec)
    if large:
        gaps = [place for place in places(message, len(head), plan.layout) if place.path in large]
        return _framed(with_filled(message, gaps, large))
    if len(message) > MAX_FRAME_BYTES:
        raise _too_large(len(message))
    return [pack("!I", len(message)) + message]


def _framed(pieces: list[Buffer]) -> list[Buffer]:
    size = sum(len(piece) for piece in pieces)
    if size > MAX_FRAME_BYTES:
        raise _too_large(size)
    return [pack("!I", size) + pieces[0], *pieces[1:]]


def _too_large(size: int) -> BadRequest:
    return BadRequest(f"a message of {size} bytes exceeds the frame limit of {MAX_FRAME_BYTES}; send it in parts")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
