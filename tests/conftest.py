"""For all tests: caches of their own, no network but loopback, and tasksets in a line."""

import atexit
import functools
import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import certifi

# Before anything is imported: the Hub's and other libraries read these variables when they are.
_HOME = tempfile.mkdtemp(prefix="openenv-tasksets-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    HF_HOME=f"{_HOME}/huggingface",
    XDG_CACHE_HOME=f"{_HOME}/cache",
    XDG_CONFIG_HOME=f"{_HOME}/config",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_XET="1",
    HF_UPDATE_DOWNLOAD_COUNTS="0",
)
# No test speaks TLS, and reading all certificates, as each client of httpx does, takes longer than its request.
_CERTIFICATE, _END, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
os.environ["SSL_CERT_FILE"] = f"{_HOME}/certificate.pem"
Path(os.environ["SSL_CERT_FILE"]).write_text(_CERTIFICATE + _END)
for _name in ("HF_TOKEN", "HF_ENDPOINT", "HUGGING_FACE_HUB_TOKEN", "OPENENV_MODE", "ENABLE_WEB_INTERFACE"):
    os.environ.pop(_name, None)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a job in the background: the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class NetworkRefused(RuntimeError):
    """A test wanted to reach another host."""


def _refuse_other_hosts(host: Any) -> None:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return
    try:
        loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        loopback = False
    if not loopback and host != "0.0.0.0":
        raise NetworkRefused(f"tests reach loopback only, not {host!r}")


def _guard(holder: Any, name: str, host_of: Callable[..., Any]) -> None:
    call = getattr(holder, name)

    @functools.wraps(call)
    def guarded(*arguments: Any, **options: Any) -> Any:
        _refuse_other_hosts(host_of(*arguments, **options))
        return call(*arguments, **options)

    setattr(holder, name, guarded)


def _host_of_address(*arguments: Any) -> Any:
    address = arguments[-1]
    return address[0] if isinstance(address, tuple) else None


# No audit hook: while one runs, CPython 3.11 cannot start a thread that is traced for coverage.
for _name in ("connect", "connect_ex", "sendto"):
    _guard(socket.socket, _name, _host_of_address)
_guard(socket, "getaddrinfo", lambda host, *_arguments, **_options: host)

import pytest  # noqa: E402
from loopback_hub.fixtures import hub  # noqa: E402

__all__ = ["hub"]


@pytest.fixture(scope="session")
def make_taskset() -> Callable[..., Any]:
    """``make_taskset(rows, {"reset": {...}}, id="quiz")``: rows in memory, bound as the task block says."""
    from openenv_tasksets.declaration import Declaration
    from openenv_tasksets.taskset import Taskset

    def make(
        rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Mapping[str, Any]]],
        task: Mapping[str, Any] | None = None,
        **environment: Any,
    ) -> Taskset:
        declared: dict[str, Any] = {
            "id": "quiz",
            "frameworks": {"openenv": {"min_version": ">=0.10.0", "package": "openenv-tasksets"}},
            **environment,
        }
        if task is not None:
            declared["task"] = task
        declaration = Declaration.from_dict({"spec_version": "hf-rl-env-0.1", "environments": [declared]})
        return Taskset.from_rows(rows, declaration)

    return make
