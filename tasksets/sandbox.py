"""Grade an agent's code with a row's own tests, each in a child process that can do nothing but compute.

The agent's code and the tests never share a process (``sandbox_child``), so a verdict cannot be forged: what
the agent's code is told are the arguments of a call, and what it can say is the plain value of an answer.
What the operating system cannot isolate is listed in docs/sandbox.md.
"""

import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from openenv_tasksets.loaders.errors import EnvironmentFailed, EnvironmentNotFound
from openenv_tasksets.sandbox_filter import syscall_filter

MAX_CODE_LENGTH: Final = 2**20
"""Longest code of an agent that is run, in characters."""

Reason = Literal["passed", "failed", "candidate error", "judge error", "time", "memory", "protocol"]

_PROGRAM: Final = Path(__file__).with_name("sandbox_child.py")
_NOT_STARTED, _ISOLATED, _LOADED, _GONE = b"!", b"I", b"L", b"G"  # as sandbox_child has them
_REASONS: Final[dict[bytes, Reason]] = {
    b"P": "passed",
    b"F": "failed",
    b"R": "candidate error",
    b"M": "memory",
}
_GRACE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one check may use.

    Attributes:
        wall_seconds: From the start of both processes to the verdict; > 0.
        cpu_seconds: Processor time of each of the two processes; >= 1.
        memory_bytes: Address space of each of the two processes; at least 64 MiB. Not enforced on macOS.
    """

    wall_seconds: float = 10.0
    cpu_seconds: int = 5
    memory_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        if not self.wall_seconds > 0:
            raise ValueError(f"wall_seconds must be > 0, got {self.wall_seconds}")
        if self.cpu_seconds < 1:
            raise ValueError(f"cpu_seconds must be >= 1, got {self.cpu_seconds}")
        if self.memory_bytes < 64 * 2**20:
            raise ValueError(f"memory_bytes must be at least {64 * 2**20}, got {self.memory_bytes}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check ended.

    Attributes:
        reason: ``passed``, or why not, in words coarse enough to show to the agent. ``judge error`` says that
            the row's own tests could not be loaded, whatever the agent wrote.
        seconds: Wall time that it took.
    """

    reason: Reason
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the tests ran to their end without complaint."""
        return self.reason == "passed"


def run_checks(*, code: str, function: str, tests: str, setup: str = "", limits: Limits | None = None) -> Verdict:
    """Run ``tests`` against the ``function`` that the agent's ``code`` defines.

    Arguments and results of calls are plain data: None, bool, int, float, complex, str, bytes, and list,
    tuple, set, frozenset, dict of them (an instance of a subclass arrives as its builtin base), up to 64
    levels and 4 MiB a call. An exception arrives by its builtin class, without its message. Blocks; safe to
    call from several threads.

    Args:
        code: What the agent wrote; modules that it imports must be computing ones of the standard library.
        function: The name that the tests' ``candidate`` stands for.
        tests: The row's source; it defines ``check(candidate)``, which returns when all is well.
        setup: Source that both sides run first, such as a prompt's imports; the agent's code can read it.
        limits: What both processes may use; None is ``Limits()``.

    Raises:
        EnvironmentNotFound: On a system without the means to limit a process, such as Windows.
        EnvironmentFailed: When the system refused to start or to isolate the processes.
    """
    if os.name != "posix":
        raise EnvironmentNotFound("checks that run code need Linux or macOS: this system cannot limit a process")
    started = time.monotonic()
    if len(code) > MAX_CODE_LENGTH:
        return Verdict("candidate error", 0.0)
    limits = limits or Limits()
    deadline = started + limits.wall_seconds
    to_candidate, to_judge = socket.socketpair()
    with (
        to_candidate,
        to_judge,
        _child("judge", to_candidate, [setup, tests, function], limits, deadline) as judge,
        _child("candidate", to_judge, [setup, code, function], limits, deadline) as candidate,
    ):
        to_candidate.close()  # held open here, it would hide from each child that the other is gone
        to_judge.close()
        reason = _await_verdict(judge, candidate)
    return Verdict(reason, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    control: socket.socket
    deadline: float

    def tell(self, job: list[object]) -> None:
        """Send what the child waits for; one that is gone is noticed when it should speak."""
        body = json.dumps(job).encode()
        with suppress(OSError):
            self.control.settimeout(self._seconds_left())
            self.control.sendall(struct.pack("!I", len(body)) + body)

    def hear(self, size: int = 1) -> bytes | None:
        """What the child says next: empty when it is gone, None when the time is up."""
        try:
            self.control.settimeout(self._seconds_left())
            return self.control.recv(size)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def await_isolation(self) -> None:
        """Return once no foreign code can do harm there.

        Raises:
            EnvironmentFailed: When that did not come to pass, with the child's word on why.
        """
        word = self.hear()
        if word != _ISOLATED:
            why = self.hear(200) if word == _NOT_STARTED else None
            silence = "no answer in time" if word is None else "it ended early"
            detail = why.decode(errors="replace") if why else silence
            raise EnvironmentFailed(f"the sandbox did not start: {detail}")

    def _seconds_left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.001)  # 0 would mean not to wait at all


@contextmanager
def _child(role: str, channel: socket.socket, sources: list[str], limits: Limits, deadline: float) -> Iterator[_Child]:
    control, theirs = socket.socketpair()
    with control:
        with theirs:
            process = _start(role, theirs.fileno(), channel.fileno())
        try:
            child = _Child(process, control, deadline)
            syscalls = syscall_filter(platform.machine()) if sys.platform == "linux" else b""
            child.tell([limits.memory_bytes, limits.cpu_seconds, syscalls.hex(), sources])
            yield child
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(role: str, *fds: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", "-W", "ignore", _PROGRAM, role, *map(str, fds)],
            pass_fds=fds,
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise EnvironmentFailed(f"the sandbox did not start: {exc.strerror}") from exc


def _await_verdict(judge: _Child, candidate: _Child) -> Reason:
    judge.await_isolation()
    candidate.await_isolation()
    if judge.hear() != _LOADED:
        return "judge error"
    word = judge.hear()
    if word is None:
        return "time"
    if word == _GONE:
        return _why_gone(candidate.process)
    return _REASONS.get(word, "protocol")


def _why_gone(process: subprocess.Popen[bytes]) -> Reason:
    try:
        status = process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return "protocol"  # alive, but it closed its pipe
    return "time" if status in (-signal.SIGKILL, -signal.SIGXCPU) else "candidate error"
