"""Which nodes work may have: what people write, what is sent, and for which labels it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.errors import BadRequest
from rpc.selectors import check_select, missing, selected_by, selection, selects

LABELS = {"arch": "x86_64", "gpus": "2", "gpu": "H100", "memory": "31.2 GiB", "cores": "8"}


@pytest.mark.parametrize(
    "text",
    [
        *("gpu>=1,arch=x86_64,memory_gb>=16", "gpus>1", "cores<=8", "cores < 9, gpus = 2", "rack!=b", "arch!=arm64"),
        *("memory>=31GiB", "memory<32GiB", "memory_gb>33.5", "gpu=H100", "fpgas<=0", "memory>=16GB,memory<=64GB"),
    ],
)
def test_what_holds_for_a_node(text: str) -> None:
    assert selects(dict(selection(text)), LABELS)


@pytest.mark.parametrize(
    "text", ["gpu>=3", "arch=arm64", "memory_gb>=34", "arch>=1", "rack=b", "fpgas>0", "cores<8", "gpu!=H100"]
)
def test_what_does_not_hold_for_a_node(text: str) -> None:
    select = dict(selection(text))
    assert not selects(select, LABELS)
    assert missing(select, LABELS) == [selected_by(select)]


@pytest.mark.parametrize("text", ["", "gpu", "gpu>", ">=1", "gpu>=1,", "a==b", "a b=c", "gpu=>1", "=x"])
def test_what_is_no_term_is_named_in_one_line(text: str) -> None:
    with pytest.raises(BadRequest, match="selects no nodes; write LABEL=VALUE or LABEL>=NUMBER") as caught:
        selection(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [("gpu>=many", "needs a number"), ("memory>=16", "needs a unit")])
def test_what_cannot_hold_for_any_node_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        selection(text)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), st.dictionaries(st.text(), st.text()))
def test_whatever_is_sent_is_refused_or_can_be_asked(select: dict[str, str], labels: dict[str, str]) -> None:
    try:
        check_select(select)
    except BadRequest:
        return
    assert selects(select, labels) is (not missing(select, labels))
