"""Fault 5: what a server imports before it can answer."""

import json
import subprocess
import sys

import pytest

IMPORTED = "import json, sys; print(json.dumps(sorted(name for name in sys.modules if '.' not in name)))"
FAULT = pytest.mark.xfail(strict=True, raises=AssertionError, reason="a fault of OpenEnv's server")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [pytest.param("openenv.core.env_server", marks=FAULT), "openenv_tasksets.server.app"],
    ids=["openenv", "ours"],
)
def test_a_server_imports_no_web_interface_and_no_client(module):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import {module}; {IMPORTED}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=110,
    )
    imported = json.loads(done.stdout.splitlines()[-1])
    assert not {"gradio", "fastmcp", "pandas", "openenv"} & set(imported)
