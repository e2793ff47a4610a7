"""Nothing that others wrote can become more than text on a page: the source has no way to make it so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
PYTHON = sorted(WEB.rglob("*.py"))
SCRIPTS = sorted(WEB.rglob("*.js"))

# What takes HTML or a script; the one constant in frame.py is the head of all pages.
_MARKUP = {
    *("html", "markdown", "run_javascript", "add_head_html", "add_body_html"),
    *("add_css", "add_scss", "add_sass"),
    *("restructured_text", "mermaid", "image", "interactive_image", "video", "audio", "run_method_js", "set_content"),
}
# What is taken apart as words of NiceGUI's own: a text of others in it could set any property.
_PARSED = {"props", "classes", "style", "default_props", "default_classes", "default_style", "js_handler"}
_IN_SCRIPTS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|v-html|document\.write|\beval\(|new Function|DOMParser"
    r"|createContextualFragment|srcdoc|setHTML|javascript:"
)


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    yield name, node


def is_constant(node: ast.expr, file: Path) -> bool:
    """Whether what stands there is written in the source itself."""
    match node:
        case ast.Constant():
            return True
        case ast.IfExp(body=one, orelse=other):
            return is_constant(one, file) and is_constant(other, file)
        case ast.Name(id=name):
            return bool(re.search(rf'^{re.escape(name)} = """', file.read_text(encoding="utf-8"), re.MULTILINE))
    return False


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: file.relative_to(WEB).as_posix())
def test_no_page_makes_markup_of_what_is_not_written_in_its_source(file: Path) -> None:
    wrong = [
        f"{file.name}:{call.lineno}: {name}"
        for name, call in calls(file)
        if name in _MARKUP
        and not all(is_constant(each, file) for each in (*call.args, *(k.value for k in call.keywords)))
    ]
    assert wrong == []


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: file.relative_to(WEB).as_posix())
def test_classes_styles_and_props_are_written_in_the_source(file: Path) -> None:
    # Two functions give on what their callers, checked as well, have written.
    given_on = {"size", "style"}
    wrong = [
        f"{file.name}:{call.lineno}: {name}"
        for name, call in calls(file)
        if name in _PARSED and isinstance(call.func, ast.Attribute)
        for each in (*call.args, *(keyword.value for keyword in call.keywords))
        if not is_constant(each, file)
        and not {node.id for node in ast.walk(each) if isinstance(node, ast.Name)} <= given_on
    ]
    assert wrong == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.relative_to(WEB).as_posix())
def test_no_component_makes_markup_or_scripts_of_texts(file: Path) -> None:
    assert _IN_SCRIPTS.findall(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.relative_to(WEB).as_posix())
def test_links_lead_to_this_server_alone(file: Path) -> None:
    links = re.findall(r':href="([^"]*)"', file.read_text(encoding="utf-8"))
    assert [each for each in links if not each.startswith(("own(", "'/"))] == []
