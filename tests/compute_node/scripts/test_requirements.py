"""Requirements are names, extras, versions and markers; whatever leads pip elsewhere is refused by its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_node.scripts.requirements import MAX_BYTES, MAX_LINE, MAX_LINES, Policy, Requirements, read_requirements
from rpc.errors import BadBundle, RejectReason, TaskRejected

OPTION, URL, PATH, VARIABLE = "an option of pip", "an URL", "a file or a folder", "an environment variable"
HOSTILE = [
    ("-r /etc/passwd", OPTION),
    ("-c constraints.txt", OPTION),
    ("--requirement=other.txt", OPTION),
    ("-e .", OPTION),
    ("--editable git+ssh://example.com/x", OPTION),
    ("--index-url http://example.com/simple", OPTION),
    ("-i http://example.com", OPTION),
    ("--extra-index-url=http://example.com", OPTION),
    ("--find-links /srv", OPTION),
    ("--trusted-host example.com", OPTION),
    ("--no-binary :all:", OPTION),
    ("--pre", OPTION),
    ("numpy --hash=sha256:00", OPTION),
    ("numpy --config-settings=x=y", OPTION),
    ("\tnumpy\t--global-option=build", OPTION),
    ("numpy \\\n  --no-binary=numpy", OPTION),
    ("-\\\n-index-url http://example.com", OPTION),
    ("git+https://example.com/x.git", URL),
    ("http://example.com/x-1-py3-none-any.whl", URL),
    ("file:///etc/passwd", URL),
    ("x @ file:///srv/x", URL),
    ("x@git+https://example.com/x", URL),
    ("x[y] @ https://example.com/x.zip", URL),
    (".", PATH),
    ("./x", PATH),
    ("../x[y]", PATH),
    ("/srv/x", PATH),
    ("~/x", PATH),
    ("C:\\x", PATH),
    ("x-1-py3-none-any.whl", PATH),
    ("x.tar.gz", PATH),
    ("${HOME}", VARIABLE),
    ("numpy==${SECRET}", VARIABLE),
    ("%APPDATA%", VARIABLE),
    ("numpy===1.0", "'==='"),
    ("x; " + "(" * 400 + "os_name=='a'" + ")" * 400, "parentheses"),
    ("numpy==1.0; extra == 'a' and", "no requirement"),
    ("numpy scipy", "no requirement"),
    ("numpy==", "no requirement"),
    ("numpy; secret == '1'", "no requirement"),
    ("[x]", "no requirement"),
    ("n\u00fcmpy", "no requirement"),
    ("numpy\x00", "invisible"),
    ("numpy\u2028-r x", "invisible"),
    ("numpy\r-r x", "invisible"),
    ("num\u200bpy", "invisible"),
    ("\u202eyp mun", "invisible"),
    ("x" * (MAX_LINE + 1), "characters"),
    ("x, \\\n" * 400 + "y", "characters"),
]


@pytest.mark.parametrize(("line", "reason"), HOSTILE)
def test_a_hostile_line_is_refused_by_its_number(line: str, reason: str) -> None:
    data = f"# what it needs\nnumpy>=2\n\n{line}\n".encode()
    with pytest.raises(BadBundle, match=reason) as refusal:
        read_requirements(data)
    assert str(refusal.value).startswith("requirements.txt:4: ")
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 500


def test_what_is_no_text_is_refused_by_its_line() -> None:
    with pytest.raises(BadBundle, match=r"needs.txt:2: is not UTF-8"):
        read_requirements(b"numpy\n\xff\xfe\n", "needs.txt")


def test_a_file_has_an_end() -> None:
    with pytest.raises(BadBundle, match="64,001 bytes, of at most 64,000"):
        read_requirements(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadBundle, match="more than 1,000 lines"):
        read_requirements(b"x\n" * (MAX_LINES + 1))
    assert read_requirements(b"x\n" * MAX_LINES).lines == ("x",)


def test_comments_blank_lines_and_continued_lines_are_read_as_pip_reads_them() -> None:
    text = "\ufeff# all \\\nNumPy >= 1.26, <3  # the arrays\r\n\r\n  \nscikit_learn\\\n[Plots,docs]\\\n==1.6.*\n"
    with pytest.raises(BadBundle, match=r"requirements.txt:8: is no requirement"):
        read_requirements(f"{text}x#y.z\n".encode())
    found = read_requirements(text.encode())
    assert found.lines == ("numpy<3,>=1.26", "scikit-learn[docs,plots]==1.6.*")


def test_a_last_line_that_goes_on_ends_with_the_file() -> None:
    assert read_requirements(b"numpy\\").lines == ("numpy",)
    assert read_requirements(b"").lines == ()


def test_markers_are_decided_here() -> None:
    text = "a; python_version >= '3.8'\nb; python_version < '3.8'\nc; extra == 'x'\nd; os_name in 'posix nt'"
    assert read_requirements(text.encode()).lines == ("a", "d")
    with pytest.raises(BadBundle, match=r"requirements.txt:1: its marker cannot be decided"):
        read_requirements(b"a; 'x' in extras")


def test_the_same_requirements_written_in_another_way_have_the_same_digest() -> None:
    one = read_requirements(b"Flask_Login==0.6.3\nnumpy>=1,<3\n")
    other = read_requirements(b"# mine\nnumpy <3, >=1\nnumpy<3,>=1\nflask.login == 0.6.3; python_version > '3'\n")
    assert one.lines == other.lines
    assert one.digest == other.digest != Requirements().digest


def test_a_node_may_want_every_version_pinned() -> None:
    for good in ("a==1", "a==1.0.post1,>0", "a[b]==2; os_name == 'none'", "b; os_name == 'none'"):
        read_requirements(good.encode()).check(Policy.PINNED)
    for bad in ("a", "a>=1", "a==1.*", "a~=1.0", "a!=1"):
        with pytest.raises(TaskRejected, match=r"requirements.txt:2: a is not pinned") as refusal:
            read_requirements(f"b==1\n{bad}".encode()).check(Policy.PINNED)
        assert refusal.value.reason is RejectReason.OPERATOR


def test_a_node_may_install_nothing() -> None:
    read_requirements(b"# nothing\n").check(Policy.DENY)
    read_requirements(b"numpy").check(Policy.ALLOW)
    with pytest.raises(TaskRejected, match="installs no requirements"):
        read_requirements(b"numpy==2").check(Policy.DENY)


NAMES = st.sampled_from(["a", "B_b", "c.d-E", "x1", "9", "Zope.Interface"])
VERSIONS = st.tuples(st.sampled_from(["==", ">=", "<=", "!=", "<", ">", "~="]), st.integers(0, 9), st.integers(0, 99))
SPECIFIERS = st.lists(VERSIONS.map(lambda each: f"{each[0]}{each[1]}.{each[2]}"), max_size=3)
SPACE = st.sampled_from(["", " ", "  ", " \\\n"])


@st.composite
def requirement_lines(draw: st.DrawFn) -> str:
    extras = draw(st.lists(NAMES, max_size=2))
    space = draw(SPACE)
    listed = f"[{f',{space}'.join(extras)}]" if extras else ""
    versions = f",{space}".join(draw(SPECIFIERS))
    comment = draw(st.sampled_from(["", "  # why"]))
    return f"{draw(NAMES)}{space}{listed}{space}{versions}{comment}"


@given(st.lists(requirement_lines(), max_size=5))
def test_what_is_written_anew_reads_the_same(lines: list[str]) -> None:
    first = read_requirements("\n".join(lines).encode())
    again = read_requirements("\n".join(first.lines).encode())
    assert again.lines == first.lines
    assert again.digest == first.digest


@given(st.text() | st.binary())
def test_any_bytes_are_read_or_refused_in_one_line(data: str | bytes) -> None:
    try:
        read_requirements(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    except BadBundle as error:
        assert "\n" not in str(error)
