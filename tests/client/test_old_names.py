"""The variable of older systems for the server: it counts where nothing of ours names one."""

from __future__ import annotations

import logging

import pytest

from client.link import default_server, told_server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://10.1.2.3:8000", "10.1.2.3:9095"),
        ("https://box/api", "box:9095"),
        ("box:8000", "box:9095"),
        ("http://[::1]:8000", "[::1]:9095"),
    ],
)
def test_the_host_of_an_older_systems_server_is_the_coordinators(
    url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", url)
    assert default_server() == server


def test_what_is_no_url_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", "http://[")
    assert "http://[" in default_server()


def test_the_log_says_so_in_one_line_and_a_name_of_ours_counts_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("API_URL", "http://box:8000")
    with caplog.at_level(logging.WARNING):
        assert told_server("box:9095") == "box:9095"
        assert [record.getMessage() for record in caplog.records] == ["API_URL is --server box:9095 now"]
        told_server("other:9095")
        monkeypatch.setenv("ROUNDHOUSE_SERVER", "box:9095")
        told_server(default_server())
    assert len(caplog.records) == 1
