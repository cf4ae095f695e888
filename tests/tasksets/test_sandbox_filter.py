"""The system call filter, run as the kernel would run it."""

import errno
import struct

import pytest

from openenv_tasksets.sandbox_filter import syscall_filter

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003


def run(program: bytes, number: int, arch: int) -> int:
    """Evaluate a seccomp program over ``struct seccomp_data``; only the instructions that filters use."""
    instructions = list(struct.iter_unpack("=HBBI", program))
    data = struct.pack("=II", number, arch)
    place = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x15:
            place += if_true if accumulator == operand else if_false
        else:
            assert code == 0x06
            return int(operand)


@pytest.mark.parametrize(
    ("machine", "arch", "allowed", "refused"),
    [
        # read write mmap futex exit_group | open socket clone fork execve kill ptrace prctl openat clone3
        ("x86_64", X86_64, [0, 1, 9, 202, 231], [2, 41, 56, 57, 59, 62, 101, 157, 257, 435, 0x40000000]),
        ("aarch64", AARCH64, [63, 64, 222, 98, 94], [56, 198, 220, 221, 129, 117, 167, 435, 0]),
    ],
)
def test_computing_is_allowed_and_everything_else_refused(
    machine: str, arch: int, allowed: list[int], refused: list[int]
) -> None:
    program = syscall_filter(machine)
    assert {run(program, number, arch) for number in allowed} == {ALLOW}
    assert {run(program, number, arch) for number in refused} == {REFUSE}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_exactly_the_listed_calls_are_allowed(machine: str) -> None:
    arch = {"x86_64": X86_64, "aarch64": AARCH64}[machine]
    answers = [run(syscall_filter(machine), number, arch) for number in range(600)]
    assert answers.count(ALLOW) == 29
    assert answers.count(REFUSE) == 600 - 29


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_another_calling_convention_is_fatal(machine: str) -> None:
    assert run(syscall_filter(machine), 1, I386) == KILL


def test_a_machine_whose_numbers_are_not_known_has_no_filter() -> None:
    assert syscall_filter("riscv64") == b""
