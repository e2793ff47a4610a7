"""What a node reads of a bundle's Dockerfile: all that it does not take as it stands is refused by its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_node.scripts.dockerfile import UNUSED, read_dockerfile, unused_in
from compute_node.scripts.dockerfile_words import words_of
from compute_node.scripts.image_plan import Plan, base_of, changes_of, plan_of
from rpc.errors import BadBundle

BASE = {"PATH": "/usr/bin:/bin"}


def plan(text: str) -> Plan:
    instructions = read_dockerfile(text.encode())
    base_of(instructions)
    return plan_of(instructions, BASE)


def test_an_ordinary_dockerfile_becomes_steps() -> None:
    text = """\
# what it needs
ARG BASE=base:1
FROM ${BASE} AS main
ENV LANG=C.UTF-8 NOTE="two words" PATH=/opt/bin:$PATH
ARG VERSION=3
WORKDIR /opt
WORKDIR app
COPY --chown=1:1 *.txt data/ ./
RUN echo $VERSION && \\
    # in between
    touch x
SHELL ["/bin/bash", "-eu", "-c"]
RUN pwd
run ["touch", "/y"]
"""
    assert base_of(read_dockerfile(text.encode())) == (3, "base:1")
    found = plan(text)
    assert found.variables == {"LANG": "C.UTF-8", "NOTE": "two words", "PATH": "/opt/bin:/usr/bin:/bin"}
    variables = {"VERSION": "3", **found.variables}
    make, app, copy, *runs = found.steps
    assert (make["make"], app["make"]) == ("/opt", "/opt/app")
    assert (copy["copy"], copy["to"], copy["is_folder"]) == (["*.txt", "data/"], "/opt/app/./", True)
    assert [(each["line"], each["run"]) for each in runs] == [
        (9, ["/bin/sh", "-c", "echo $VERSION &&     touch x"]),
        (13, ["/bin/bash", "-eu", "-c", "pwd"]),
        (14, ["touch", "/y"]),
    ]
    assert all((each["folder"], each["variables"]) == ("/opt/app", variables) for each in runs)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("FROM base AS two", "a second FROM"),
        ("COPY --from=other / /", "--from: there is no other stage"),
        ("COPY --from=registry.example/evil:1 /x /x", "no other image is fetched"),
        ("ADD http://example.com/x /x", "nothing is fetched"),
        ("ADD HTTPS://example.com/x.tar.gz /x", "nothing is fetched"),
        ("ADD git@example.com:x.git /x", "nothing is fetched"),
        ("ADD //example.com/x /x", "nothing is fetched"),
        ('ADD ["ftp://example.com/x", "/x"]', "nothing is fetched"),
        ("ADD $WHERE/x /x", "nothing is fetched"),
        ("ADD ht'tp'://example.com/x /x", "nothing is fetched"),
        ("ADD things.tar.gz /x", "ADD unpacks no archives"),
        ("COPY ../../etc/passwd /x", "is not in the bundle"),
        ("COPY --link x /x", "--link of COPY is not known"),
        ("COPY --chmod=4755 x /x", "--chmod of COPY is not known"),
        ("COPY x", "names files of the bundle"),
        ("RUN --mount=type=secret,id=x cat /run/secrets/x", "--mount of RUN is not known"),
        ("RUN --network=host curl example.com", "--network of RUN is not known"),
        ("RUN --security=insecure id", "--security of RUN is not known"),
        ("RUN <<EOF", "here-documents"),
        ("COPY <<-'EOF' /x", "here-documents"),
        ("ONBUILD RUN id", "ONBUILD"),
        ("INCLUDE other", "there is no instruction 'INCLUDE'"),
        ("RUN", "RUN says nothing"),
        ("ENV A", "must be NAME=VALUE"),
        ("ENV A=$(id)", "begins no variable"),
        ("ENV A='x", "is not closed"),
        ("SHELL sh -c", "must be a list"),
        ("WORKDIR a b", "names one folder"),
        ("RUN a \x1b[2J", "control character"),
        ("RUN true \\", "there is no other"),
    ],
)
def test_what_would_fetch_or_is_not_known_is_refused_by_its_line(line: str, reason: str) -> None:
    with pytest.raises(BadBundle) as refusal:
        plan(f"FROM base\nENV WHERE=http://example.com\n{line}")
    assert str(refusal.value).startswith("bad image: Dockerfile:3: ")
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("# syntax=docker/dockerfile:1\nFROM base", 1, "directives"),
        ("\n# Syntax = evil\nFROM base", 2, "directives"),
        ("# escape=`\nFROM base", 1, "directives"),
        ("RUN id\nFROM base", 1, "RUN before FROM"),
        ("", 1, "has no FROM"),
        ("FROM scratch", 1, "has Python 3"),
        ("ARG X\nFROM $X", 2, "has Python 3"),
        ("FROM --platform=linux/arm64 base", 1, "no options"),
        ("FROM base AS", 1, "names one image"),
        ("FROM base\n" + "RUN x\n" * 101, 101, "more than 100"),
        ("#" * 70_000, 1, "bytes"),
    ],
)
def test_so_is_what_is_wrong_with_the_whole(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadBundle, match=reason) as refusal:
        plan(text)
    assert str(refusal.value).startswith(f"bad image: Dockerfile:{line}: ")


def test_how_an_image_is_run_is_left_out_and_told() -> None:
    text = "FROM base\n" + "".join(f"{word} x\n" for word in sorted(UNUSED)) + "RUN id\n"
    assert unused_in(text.encode()) == sorted(UNUSED)
    assert [step["run"] for step in plan(text).steps] == [["/bin/sh", "-c", "id"]]


def test_a_value_is_told_to_the_engine_as_it_is() -> None:
    found = plan("FROM base\nENV A='$HOME \"x\" \\ y' B=\\$C")
    assert found.variables == {"A": '$HOME "x" \\ y', "B": "$C"}
    assert changes_of(found) == ['ENV A="\\$HOME \\"x\\" \\\\ y"', 'ENV B="\\$C"']


def test_variables_have_defaults_and_alternatives() -> None:
    known = {"A": "1", "EMPTY": "", "SPACED": "x y"}
    assert words_of("$A ${A}b ${NO:-2} ${EMPTY:-3} ${A:+4} ${NO:+5}", known) == ["1", "1b", "2", "3", "4", ""]
    assert words_of("$SPACED \"$SPACED z\" '$A' \\$A", known) == ["x y", "x y z", "$A", "$A"]


def test_variables_cannot_grow_without_end() -> None:
    doubled = "FROM base\nENV A=" + "x" * 1000 + "\n" + "ENV A=$A$A$A$A$A$A$A$A$A$A\n" * 90
    with pytest.raises(BadBundle, match="Dockerfile:4: its variables make too much of it"):
        plan(doubled)


LINES = st.sampled_from(["FROM", "RUN", "COPY", "ADD", "ENV", "ARG", "WORKDIR", "SHELL", "USER", "ONBUILD", "#", ""])
RESTS = st.text(st.sampled_from("ab/.:=$ {}'\"\\[],-<\t\r"), max_size=12) | st.text(max_size=8)


@given(st.lists(st.tuples(LINES, RESTS).map(" ".join), max_size=6).map("\n".join))
def test_any_text_is_read_or_refused_by_its_line(text: str) -> None:
    try:
        found = plan("FROM base\n" + text)
    except BadBundle as error:
        assert str(error).startswith("bad image: Dockerfile:")
        return
    for step in found.steps:
        assert {"run", "copy", "make"} & {*step}
        assert not any("://" in source or ".." in source.split("/") for source in step.get("copy", ()))
