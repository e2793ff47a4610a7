"""Which specs of script jobs make sense."""

from __future__ import annotations

import pytest

from rpc.errors import BadRequest
from rpc.messages import DataFile, ScriptSpec
from rpc.script_spec import check_script_spec

DIGEST = f"sha256:{64 * 'a'}"
BUNDLE = DataFile("x.zip", DIGEST, 1)


@pytest.mark.parametrize(
    "image", ["python", "python:3.11", "host:5000/a/b:1", f"a/b@{DIGEST}", f"a:1@{DIGEST}", DIGEST]
)
def test_an_image_is_named_as_container_engines_name_it(image: str) -> None:
    check_script_spec(ScriptSpec("x", BUNDLE, image=image))
    check_script_spec(ScriptSpec("x", BUNDLE, image=image, sandbox="docker"))


@pytest.mark.parametrize("image", ["a b", "ü", "-v", "a@sha256:0", f"a@{DIGEST}0", f"a@{DIGEST.upper()}", "a@b", "/a"])
def test_what_is_no_name_of_an_image_is_refused(image: str) -> None:
    with pytest.raises(BadRequest, match="is no name of one"):
        check_script_spec(ScriptSpec("x", BUNDLE, image=image))


def test_an_image_and_a_sandbox_without_images_contradict_each_other() -> None:
    with pytest.raises(BadRequest, match="an image needs the sandbox docker, not bwrap"):
        check_script_spec(ScriptSpec("x", BUNDLE, image="python:3", sandbox="bwrap"))
