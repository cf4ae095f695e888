"""The program that ``sandbox`` starts twice for every check: it gives up its rights, then runs foreign code.

The *candidate* runs the agent's code and answers calls with plain data. The *judge* runs the row's own tests
against a stand-in that forwards each call to the candidate, and says on a pipe of its own how they ended.
Neither can open, start or signal anything once foreign code runs, and the two share no memory: what the
agent's code answers is decoded into plain builtin values, so no object of its making reaches the tests.

Runs as a script, without site-packages and without the library: it imports nothing but the standard library.
"""

import array
import builtins
import json
import os
import re
import signal
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import islice
from types import ModuleType

MAX_FRAME = 4 * 2**20
MAX_DEPTH = 64
NOBODY = 65534

# What the child says on its control pipe, a byte at a time; `sandbox` reads them.
NOT_STARTED, ISOLATED, LOADED = b"!", b"I", b"L"
PASSED, FAILED, RAISED, NO_MEMORY, GONE, GARBLED = b"P", b"F", b"R", b"M", b"G", b"X"

# Modules that compute and do nothing else: what code names of these is imported while files can be opened.
_COMPUTING = """
    __future__ abc array ast base64 binascii bisect builtins calendar cmath codecs collections colorsys
    contextlib copy copyreg csv dataclasses datetime decimal difflib dis enum errno fnmatch fractions
    functools gc graphlib hashlib heapq hmac html inspect io itertools json keyword linecache locale marshal
    math numbers operator os pickle pprint queue random re reprlib secrets shlex signal stat statistics
    string stringprep struct sys textwrap threading time timeit token tokenize traceback types typing
    unicodedata unittest uuid warnings weakref zlib
"""
IMPORTABLE = frozenset(_COMPUTING.split())
# Imported by builtin code on first use, with no import statement in sight: always, and beside a module.
IMPORTED_LATE = ("encodings.ascii", "encodings.latin_1", "encodings.rot_13", "heapq", "unicodedata")
IMPORTED_WITH = {"datetime": "_strptime", "time": "_strptime"}
MAX_IMPORTS = 200

_IMPORT = re.compile(r"\b(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t(]+([\w., \t]*)")
_Container = list[object] | tuple[object, ...] | set[object] | frozenset[object]
_CONTAINERS: dict[str, type[_Container]] = {"l": list, "t": tuple, "s": set, "f": frozenset}
# What an answer may raise in the tests: not StopIteration, which would end a `map` over calls in silence.
_EXCEPTIONS = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, (StopIteration, StopAsyncIteration))
}
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2


class NotPlain(Exception):
    """A value that has no plain form, or a frame that holds none."""


class Fault(BaseException):
    """The candidate can answer no more; a BaseException, so that tests do not take it for an answer."""


def encode(value: object, depth: int = MAX_DEPTH) -> object:
    """``value`` as JSON can hold it: containers, bytes, complex and wide integers become tagged lists.

    Args:
        value: Builtin values; an instance of a subclass counts as its builtin base.
        depth: How many levels of containers may follow.

    Raises:
        NotPlain: For anything else, and for containers nested too deeply.
    """
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return value if -(2**53) < value < 2**53 else ["i", format(value, "x")]
    if isinstance(value, bytes):
        return ["b", value.hex()]
    if isinstance(value, complex):
        return ["c", value.real, value.imag]
    if depth == 0:
        raise NotPlain("nested too deeply")
    if isinstance(value, dict):
        return ["d", *(encode(part, depth - 1) for pair in value.items() for part in pair)]
    for tag, kind in _CONTAINERS.items():
        if isinstance(value, kind):
            return [tag, *(encode(part, depth - 1) for part in value)]
    raise NotPlain("not plain data")


def decode(node: object, depth: int = MAX_DEPTH) -> object:
    """The value that ``encode`` was given, made of exact builtin types.

    Raises:
        NotPlain: For what ``encode`` cannot have made.
    """
    if not isinstance(node, (list, dict)):
        return node
    try:
        return _decode_tagged(node[0], node[1:], depth)
    except (LookupError, TypeError, ValueError) as exc:
        raise NotPlain("not an encoded value") from exc


def _decode_tagged(tag: object, rest: list[object], depth: int) -> object:
    match tag, rest:
        case "i", [str(digits)]:
            return int(digits, 16)
        case "b", [str(digits)]:
            return bytes.fromhex(digits)
        case "c", [float(real), float(imag)]:
            return complex(real, imag)
    if depth == 0:
        raise NotPlain("nested too deeply")
    parts = [decode(part, depth - 1) for part in rest]
    if tag == "d":
        return dict(zip(parts[::2], parts[1::2], strict=True))
    return _CONTAINERS[str(tag)](parts)


def send(fd: int, message: object) -> None:
    """Write one frame: its length in four bytes, then JSON.

    Raises:
        NotPlain: When it is longer than ``MAX_FRAME``.
        OSError: When the other side is gone.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_FRAME:
        raise NotPlain("too large")
    view = memoryview(struct.pack("!I", len(body)) + body)
    while view:
        view = view[os.write(fd, view) :]


def receive(fd: int, max_size: int = MAX_FRAME) -> object:
    """Read one frame.

    Raises:
        EOFError: When the other side is gone.
        NotPlain: When it is longer than ``max_size`` bytes, or not JSON.
    """
    (length,) = struct.unpack("!I", _read(fd, 4))
    if length > max_size:
        raise NotPlain("too large")
    try:
        return json.loads(_read(fd, length))
    except (ValueError, RecursionError) as exc:
        raise NotPlain("not JSON") from exc


def _read(fd: int, size: int) -> bytes:
    chunks = []
    while size:
        chunk = os.read(fd, min(size, 2**16))
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def imports_of(sources: Iterable[str]) -> list[str]:
    """Module names in the import statements of ``sources``, at most ``MAX_IMPORTS``.

    Read with a pattern and not a parser, which hostile text could wear out before the limits hold; what only
    looks like an import costs a little time.
    """

    def named() -> Iterable[str]:
        for source in sources:
            for match in _IMPORT.finditer(source):
                parent, rest = match.groups()
                listed = [part.split()[0] for part in rest.split(",") if part.strip()]
                yield from [parent, *(f"{parent}.{name}" for name in listed)] if parent else listed

    return [name for name in islice(named(), MAX_IMPORTS) if name.partition(".")[0] in IMPORTABLE]


def isolate(memory_bytes: int, cpu_seconds: int, sources: list[str], syscall_filter: bytes) -> None:
    """Give up everything but computing and the open pipes; there is no way back.

    The order matters: modules are read while files can be opened, the limits fall after the change of user
    (root could lift them again), and so does the parent-death signal (the change would clear it).

    Raises:
        OSError: When the system refuses a step.
    """
    import resource

    def limit(kind: int, value: int) -> None:
        resource.setrlimit(kind, (value, value))

    limit(resource.RLIMIT_CPU, cpu_seconds)
    limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":  # macOS has the name of this limit and not its effect
        limit(resource.RLIMIT_AS, memory_bytes)
    names = imports_of(sources)
    for name in (*IMPORTED_LATE, *names, *(late for name, late in IMPORTED_WITH.items() if name in names)):
        with suppress(Exception):  # no text of the agent's may stop the sandbox from starting
            import_module(name)
    prctl = _load_prctl() if sys.platform == "linux" else None
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        limit(kind, 0)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if syscall_filter:
            program = array.array("B", syscall_filter)
            header = array.array("B", struct.pack("@HP", len(program) // 8, program.buffer_info()[0]))
            prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header.buffer_info()[0])


def _load_prctl() -> Callable[..., None]:
    import ctypes

    function = ctypes.CDLL(None, use_errno=True).prctl
    word, get_errno = ctypes.c_ulong, ctypes.get_errno
    del sys.modules["ctypes"], sys.modules["_ctypes"]

    def prctl(option: int, *arguments: int) -> None:
        if function(option, *(word(value) for value in (*arguments, 0, 0, 0, 0)[:4])) != 0:
            raise OSError(get_errno(), f"prctl({option}) was refused")

    return prctl


def execute(source: str, name: str, module: ModuleType) -> None:
    """Run foreign ``source`` as part of ``module``; ``name`` stands for its file in tracebacks."""
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), vars(module))  # noqa: S102


def new_module(name: str) -> ModuleType:
    """An empty module that code can also find by its name, as dataclasses do."""
    module = sys.modules[name] = ModuleType(name)
    return module


class Candidate:
    """What the tests call: each call runs in the candidate's process.

    Attributes:
        fault: Why it cannot answer, as the byte for the control pipe; None while it can.
        raised: Name of the exception that its latest answer was; None for a value.
    """

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self.fault: bytes | None = GONE
        self.raised: str | None = None

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        """Call the agent's function; raises a builtin exception of the class that it raised."""
        call = encode((args, kwargs))
        if self.fault is not None:
            raise Fault
        try:
            send(self._channel, call)
        except OSError as exc:
            self.fault = GONE
            raise Fault from exc
        return self._answer()

    def await_loaded(self) -> None:
        """Wait until the agent's code has been loaded; raises what that raised. No call works before."""
        self.fault = None
        self._answer()

    def _answer(self) -> object:
        try:
            match receive(self._channel):
                case ["returned", node]:
                    value, self.raised = decode(node), None
                    return value
                case ["raised", str(name)]:
                    self.raised = name
                case _:
                    raise NotPlain("neither returned nor raised")
        except (EOFError, OSError) as exc:
            self.fault = GONE
            raise Fault from exc
        except NotPlain as exc:
            self.fault = GARBLED
            raise Fault from exc
        raise _new_exception(name)


def _new_exception(name: str) -> Exception:
    try:
        return _EXCEPTIONS[name]()
    except (KeyError, TypeError):  # not a builtin one, or one that needs arguments
        return RuntimeError()


def judge(control: int, channel: int, setup: str, tests: str, function: str) -> None:
    """Run the tests' ``check(candidate)`` and say on ``control`` how it ended."""
    candidate = Candidate(channel)
    module = new_module("tests")
    execute(setup, "setup", module)
    vars(module)[function] = candidate  # some tests call it by its own name
    execute(tests, "tests", module)
    check = vars(module)["check"]
    os.write(control, LOADED)
    outcome = PASSED
    try:
        candidate.await_loaded()
        check(candidate)
    except BaseException:  # noqa: BLE001 - SystemExit too says that the tests have not passed
        outcome = FAILED
        if candidate.raised is not None:
            outcome = NO_MEMORY if candidate.raised == "MemoryError" else RAISED
    os.write(control, candidate.fault or outcome)


def answer_calls(channel: int, setup: str, code: str, function: str) -> None:
    """Load the agent's code, then answer calls of its ``function`` until the judge is gone."""
    module = new_module("solution")

    def load() -> None:
        execute(setup, "setup", module)
        execute(code, "solution", module)
        vars(module)[function]

    answer = _attempt(load)
    while True:
        try:
            send(channel, answer)
        except NotPlain:
            send(channel, ["raised", "NotPlain"])
        match decode(receive(channel)):
            case (tuple(args), dict(kwargs)):
                answer = _attempt(partial(vars(module)[function], *args, **kwargs))


def _attempt(call: Callable[[], object]) -> list[object]:
    try:
        return ["returned", encode(call())]
    except BaseException as exc:  # noqa: BLE001 - whatever the agent's code raises is its answer
        return ["raised", type(exc).__name__]


def main(role: str, control: int, channel: int) -> None:
    """Read the job from ``control``, give up all rights, say so, and do it."""
    try:
        match receive(control, max_size=2**32):
            case [int(memory_bytes), int(cpu_seconds), str(syscall_filter), [*texts]]:
                sources = [str(text) for text in texts]
            case _:
                raise NotPlain("not a job")
        isolate(memory_bytes, cpu_seconds, sources, bytes.fromhex(syscall_filter))
    except Exception as exc:  # noqa: BLE001 - no foreign code has run: the message is ours or the system's
        os.write(control, NOT_STARTED + f"{type(exc).__name__}: {exc}".encode()[:200])
        return
    os.write(control, ISOLATED)
    if role == "judge":
        judge(control, channel, *sources)
    else:
        os.close(control)
        answer_calls(channel, *sources)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    finally:
        os._exit(0)
