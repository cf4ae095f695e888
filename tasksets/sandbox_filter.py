"""Which system calls sandboxed code may still make: a seccomp filter, as the kernel reads it.

Resource limits alone leave signals, and native code reached through a hole in the interpreter, able to
touch other processes of the same user. The filter lists what may be done, and answers everything else with
EPERM: computing, memory, the clock, and reading or writing what is already open.
"""

import errno
import struct
from typing import Final

_ALLOWED: Final = {  # name: number on x86_64, number on aarch64
    "brk": (12, 214),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "read": (0, 63),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "sigaltstack": (131, 132),
    "times": (100, 153),
    "write": (1, 64),
}
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_*

_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_OFFSET, _ARCH_OFFSET = 0, 4  # in struct seccomp_data
_ALLOW, _REFUSE, _KILL_PROCESS = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000


def syscall_filter(machine: str) -> bytes:
    """The filter's program, an array of ``struct sock_filter``.

    Args:
        machine: As ``platform.machine()`` says it.

    Returns:
        The program; empty for a machine whose call numbers are not known here.
    """
    if machine not in _MACHINES:
        return b""
    column, arch = _MACHINES[machine]
    numbers = sorted(row[column] for row in _ALLOWED.values())
    program = [
        (_LOAD_WORD, 0, 0, _ARCH_OFFSET),
        (_JUMP_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL_PROCESS),  # another calling convention has other numbers
        (_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        *((_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
