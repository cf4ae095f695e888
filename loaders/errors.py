"""What can go wrong, as one tree; the type says what the caller can do about it.

TasksetError
├── DeclarationError      environment.yaml is wrong: fix the lines that it names
├── ReferenceInvalid      text that refers to nothing on the Hub: write it in a form that the message lists
├── HubError              what the Hub does not give
│   ├── RepositoryNotFound  there is none, or no right to read it: check the name, log in, ask for access
│   ├── RevisionNotFound  no such branch, tag or commit: the message names near ones
│   ├── HubUnavailable    no usable answer, or offline and not in the cache: try again, or go online
│   └── HeadMoved, WriteRefused (loaders.hub_commit)  somebody else's commit came first; no right to write
├── SecretFound (tasksets.secret_scan)  what looks like a secret would have been published
├── LockInvalid, LockDrift (tasksets.lock, lock_check)  a lock that cannot be read, or that no longer holds
├── SourceError           files that cannot be found or read as rows
│   ├── SourceChanged     a file is no longer the one that was opened: open the taskset again
│   └── SourceNotInstalled  the code that makes the rows is not installed: install what the message says
├── StateRefused          a saved state of another stream: load it where it was saved, or start anew
├── RowError              one row cannot become a task: fix the row or the binding
├── SelectionError        a reset (or a lookup) that names no task
│   ├── SplitNotFound     also a KeyError
│   ├── TaskNotFound      also an IndexError
│   └── SplitEndless      also a NotImplementedError; asks for all of a split without end: take a part of it
├── EnvironmentNotFound   the named environment is not installed: install what the message says
├── ConsentNeeded         the user has not agreed to what the taskset asks for
└── EpisodeError          an episode that cannot go on as asked
    ├── ResetNeeded       step() before reset(), or after the episode is done
    ├── PolicyError       the action is not one the environment accepts
    ├── EnvironmentFailed the environment raised; its own exception is the cause
    │   └── RowRefused    also a ValueError; an environment says what is wrong with a row's arguments
    └── TimeExceeded      the environment did not answer within the episode's time

Facts are attributes, so that nobody has to parse a message. No message holds a hidden value.
"""

import copyreg
from collections.abc import Sequence
from typing import Any

import msgspec


class TasksetError(Exception):
    """The root of every error that this library raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker's process sends it: the facts go as they are, since from the message none can be made.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class Issue(msgspec.Struct, frozen=True):
    """One mistake in a declaration.

    Attributes:
        path: Field path such as ``environments[0].task.reset.prompt``; empty for the whole file.
        message: What was given, what is allowed, and what to do next.
        line: 1-based line in the file, or None where there is no file.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class DeclarationError(TasksetError):
    """A declaration with one or more mistakes, all of them in ``issues``.

    Attributes:
        issues: Every mistake found, in the order of the file; never empty.
        source: The file's name as the user gave it, or None for one built in Python.
    """

    def __init__(self, issues: Sequence[Issue], source: str | None = None) -> None:
        self.issues = tuple(issues)
        self.source = source
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        prefix = self.source or "declaration"
        return [
            f"{prefix}:{issue.line}: {issue}" if issue.line is not None else f"{prefix}: {issue}"
            for issue in self.issues
        ]


class ReferenceInvalid(TasksetError):
    """A reference in none of the forms that there are, or with a name that the Hub cannot have."""


class HubError(TasksetError):
    """The Hub did not give what was asked; its subclasses say what to do about it."""


class RepositoryNotFound(HubError):
    """There is no such dataset repository, or this user may not read it: the Hub does not always tell which."""


class RevisionNotFound(HubError):
    """The repository has no such branch, tag or commit; the message names near ones."""


class HubUnavailable(HubError):
    """The Hub gave no usable answer, however often it was asked; or it must not be asked, being offline."""


class SourceError(TasksetError):
    """Row files that are missing, unreadable, or not what their name says."""


class SourceChanged(SourceError):
    """A row file changed after it was opened."""


class StateRefused(TasksetError):
    """A state that is none of this stream's; the message shows both sides."""


class SourceNotInstalled(SourceError):
    """No installed package offers the code that makes the rows, or several do; the message says what to do."""


class RowError(TasksetError):
    """A row that cannot become a task.

    Attributes:
        split: The split's name.
        row: 0-based row in the split, as the files hold it.
        column: The column (dotted path) at fault, or None when it is the whole row.
        location: File and row within it, as in ``main/test-00000.parquet, row 17``.
    """

    def __init__(self, message: str, *, split: str, row: int, column: str | None, location: str) -> None:
        where = f"{location} (split {split!r}, row {row})"
        super().__init__(f"{where}, column {column!r}: {message}" if column else f"{where}: {message}")
        self.split = split
        self.row = row
        self.column = column
        self.location = location


class SelectionError(TasksetError):
    """A selection that is malformed or contradicts itself."""


class SplitNotFound(SelectionError, KeyError):
    """No such split; the message lists those that exist."""


class TaskNotFound(SelectionError, IndexError):
    """No such index or task id; the message says what exists."""


class SplitEndless(SelectionError, NotImplementedError):
    """The split has no end, so it has no number of tasks, and cannot be searched, filtered or shuffled whole."""


class EnvironmentNotFound(TasksetError):
    """The declared environment cannot be had here; the message says what to install or type."""


class ConsentNeeded(TasksetError):
    """Something needs the user's word first; the message names the option to give it."""


class EpisodeError(TasksetError):
    """An episode that cannot go on as asked; its subclasses are the kinds that are counted apart."""


class ResetNeeded(EpisodeError):
    """A step before the first reset, or after the episode ended."""


class PolicyError(EpisodeError):
    """An action that the environment's action type refuses.

    Attributes:
        details: One mapping a mistake, as pydantic reports them (type, loc, msg), without the input.
    """

    def __init__(self, message: str, details: Sequence[dict[str, object]] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


class EnvironmentFailed(EpisodeError):
    """The environment raised; ``__cause__`` is its exception."""


class RowRefused(EnvironmentFailed, ValueError):
    """What an environment's reset() raises for arguments that it cannot play.

    Its message is shown to clients and logged, so it must hold no hidden value. (Of any other exception of an
    environment only the type is shown.)
    """


class TimeExceeded(EpisodeError):
    """The environment did not answer within the time that its limits allow."""
