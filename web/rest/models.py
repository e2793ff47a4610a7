"""The base of what is sent to us as JSON, and what several routes take or answer."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError

from rpc.messages import DataFile
from rpc.run_spec import MAX_FILE_NAME, MAX_LABELS, MAX_NAME
from web.rest.names import PRINTABLE

Text = Annotated[str, Field(max_length=MAX_NAME, pattern=PRINTABLE)]
_MOST_UNKNOWN = 10  # that are told by name
BlobText = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def at_most(count: int) -> BeforeValidator:
    """What keeps a larger dictionary from being looked at, for an annotation."""

    def check(said: Any) -> Any:
        if isinstance(said, dict) and len(said) > count:
            raise PydanticCustomError(
                "too_long", "there are {have} entries, {count} at most", {"have": len(said), "count": count}
            )
        return said

    return BeforeValidator(check)


def one_of(*choices: str) -> Any:
    """Return what a text must be, for an annotation."""
    return Field(pattern=f"^({'|'.join(map(re.escape, choices))})$")


class Strict(BaseModel):
    """Takes no other fields than its own, nothing that is only nearly of the right type, and finite numbers alone.

    Each error costs time and memory in which nobody else is answered, so that of many one is told.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, said: Any) -> Any:
        if isinstance(said, dict) and len(said) > len(cls.model_fields) + _MOST_UNKNOWN:
            raise PydanticCustomError(
                "extra_forbidden", "there are {have} fields; most are unknown", {"have": len(said)}
            )
        return said


Labels = Annotated[dict[Text, Text], Field(max_length=MAX_LABELS), at_most(MAX_LABELS)]


class File(Strict):
    """A file that the coordinator holds; see the routes of blobs."""

    file: Annotated[str, Field(min_length=1, max_length=MAX_FILE_NAME, pattern=PRINTABLE)]
    blob: BlobText
    size: Annotated[int, Field(ge=0, le=2**36)]

    def data_file(self) -> DataFile:
        return DataFile(self.file, self.blob, self.size)


class Why(Strict):
    """Attributes: reason, for those who ask later."""

    reason: Annotated[str, Field(max_length=1000, pattern=PRINTABLE)] = ""


class Ids(Strict):
    """Attributes: ids, names of work as in a path."""

    ids: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(min_length=1, max_length=1000), FailFast()]


class Started(BaseModel):
    """What was started; Location in the head tells where to ask for it."""

    id: str


def started(response: Response, kind: str, work_id: str) -> Started:
    """Tell of a run or job that was started."""
    response.headers["Location"] = f"/api/v1/{kind}/{work_id}"
    return Started(id=work_id)
