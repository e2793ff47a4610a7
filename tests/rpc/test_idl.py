"""The contract can be compiled for other languages: none of its names is a word that one of them keeps for itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

IDL = Path(__file__).parents[2] / "idl" / "trainer.thrift"


@pytest.mark.parametrize("language", ["js:node,es6", "java", "go", "cpp", "rs", "rb", "netstd"])
def test_the_stock_compiler_takes_it(language: str, tmp_path: Path) -> None:
    if shutil.which("thrift") is None:
        reason = "needs the Thrift compiler: apt-get install thrift-compiler"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    command = ["thrift", "--gen", language, "-out", str(tmp_path), str(IDL)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
