"""References to environments on the Hub: what the user wrote, and the commit it stands for; pure text.

Three forms are read; the environment and the revision may be left out of each:

- ``hf://datasets/{namespace/name}/{environment}@{revision}``, the form that is printed;
- ``hf://datasets/{namespace/name}@{revision}/{environment}``, the order of the Hub's own library;
- either of them without ``hf://datasets/``.

Revisions may hold slashes. Behind an environment, all that follows the ``@`` is the revision. Directly behind
``namespace/name`` it ends at the next slash, as it does for the Hub's library, unless it is ``refs/pr/N`` or
``refs/convert/NAME``: there a branch ``feature/x`` is written ``feature%2Fx``. ``%XX`` is decoded everywhere.
"""

import re
from typing import NoReturn
from urllib.parse import quote, unquote

import msgspec

from openenv_tasksets.loaders.errors import ReferenceInvalid

PREFIX = "hf://datasets/"

_FORMS = (
    f"{PREFIX}NAMESPACE/NAME/ENVIRONMENT@REVISION, {PREFIX}NAMESPACE/NAME@REVISION/ENVIRONMENT "
    "or NAMESPACE/NAME/ENVIRONMENT@REVISION; the environment and the revision may be left out"
)
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPO_ID = re.compile(rf"(?!.*(?:--|\.\.))(?!.*\.git$){_NAME}/{_NAME}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
# What git allows in the name of a branch or tag.
_REVISION = re.compile(r"(?!.*(?:\.\.|//|/\.|@\{))(?![./])[^\x00-\x20\x7f\s~^:?*\[\\]+(?<![./])")
_SPECIAL_REVISION = re.compile(r"refs/(?:pr/[0-9]+|convert/[\w.-]+)", re.ASCII)
_COMMIT_HASH = re.compile(r"[0-9a-f]{40}")
_MOST_REPO_ID, _MOST_REVISION = 96, 256


class DatasetReference(msgspec.Struct, frozen=True):
    """A dataset repository, an environment in it, and a revision, as the user wrote them.

    Attributes:
        repo_id: ``namespace/name``.
        environment: Id of the environment; None means the only one.
        revision: Branch, tag, pull request or commit; None means the default branch.

    Raises:
        ReferenceInvalid: One of them is nothing that the Hub can have.
    """

    repo_id: str
    environment: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        _check_repo_id(self.repo_id)
        if self.environment is not None and not _ENVIRONMENT.fullmatch(self.environment):
            raise ReferenceInvalid(
                f"{self.environment!r} is not the id of an environment: letters, digits, '.', '_' and '-', at most 96"
            )
        if self.revision is not None and not _is_revision(self.revision):
            raise ReferenceInvalid(
                f"{self.revision!r} is not the name of a branch, tag or commit: git allows no spaces, '..', '//', "
                f"and none of ~^:?*[\\, and the Hub at most {_MOST_REVISION} characters"
            )

    @classmethod
    def parse(cls, text: str) -> "DatasetReference":
        """Read a reference in any of the forms above.

        Raises:
            ReferenceInvalid: It is in none of them; the message lists them.
        """
        body = text.removeprefix(PREFIX)
        if "://" in body:
            _refuse(text, "environments live in dataset repositories")
        if body.startswith("datasets/"):
            _refuse(text, f"'datasets/' is only written behind 'hf://', as in {PREFIX}{body[len('datasets/') :]}")
        place, at, rest = body.partition("@")
        parts = place.split("/")
        if len(parts) < 2:
            _refuse(
                text, "it needs a namespace; without one, 'name/environment' could not be told from 'namespace/name'"
            )
        if len(parts) > 3 or "" in parts:
            _refuse(text, "between 'namespace/name' and '@' there is at most one part, the environment")
        if at and not rest:
            _refuse(text, "there is no revision behind '@'")
        environment = parts[2] if len(parts) == 3 else None
        revision = rest or None
        if revision is not None and environment is None:
            revision, environment = _split_hub_order(text, revision)
        try:
            return cls("/".join(parts[:2]), environment, None if revision is None else unquote(revision))
        except ReferenceInvalid as exc:
            raise ReferenceInvalid(f"{text!r}: {exc.message}; a reference is {_FORMS}") from exc

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a whole commit hash, which can never come to mean something else."""
        return self.revision is not None and is_commit_hash(self.revision)

    def __str__(self) -> str:
        place = PREFIX + self.repo_id + (f"/{self.environment}" if self.environment else "")
        if self.revision is None:
            return place
        keeps_slash = self.environment is not None or _SPECIAL_REVISION.fullmatch(self.revision)
        return f"{place}@{quote(self.revision, safe='/@!$&+,;=()' if keeps_slash else '@!$&+,;=()')}"


class ResolvedReference(msgspec.Struct, frozen=True):
    """A dataset repository at one commit, and an environment in it.

    Attributes:
        repo_id: ``namespace/name``.
        environment: Id of the environment; None means the only one.
        commit_hash: 40 hexadecimal digits.

    Raises:
        ReferenceInvalid: One of them is nothing that the Hub can have.
    """

    repo_id: str
    environment: str | None
    commit_hash: str

    def __post_init__(self) -> None:
        DatasetReference(self.repo_id, self.environment, self.commit_hash)
        if not is_commit_hash(self.commit_hash):
            raise ReferenceInvalid(f"{self.commit_hash!r} is not a commit hash of 40 hexadecimal digits")

    def __str__(self) -> str:
        return str(DatasetReference(self.repo_id, self.environment, self.commit_hash))


def is_commit_hash(revision: str) -> bool:
    """Whether this is a whole commit hash: 40 hexadecimal digits, in lower case."""
    return _COMMIT_HASH.fullmatch(revision) is not None


def _check_repo_id(repo_id: str) -> None:
    if len(repo_id) > _MOST_REPO_ID or not _REPO_ID.fullmatch(repo_id):
        raise ReferenceInvalid(
            f"{repo_id!r} is not the name of a dataset repository: namespace/name of letters, digits, '_', '-' and "
            f"'.', without '--' and '..', at most {_MOST_REPO_ID} characters"
        )


def _is_revision(revision: str) -> bool:
    return len(revision) <= _MOST_REVISION and _REVISION.fullmatch(revision) is not None


def _split_hub_order(text: str, rest: str) -> tuple[str, str | None]:
    """``revision[/environment]``; see the module's docstring for the rule."""
    special = _SPECIAL_REVISION.match(rest)
    if special and rest[special.end() :][:1] in ("", "/"):
        revision, slash, environment = special.group(), rest[special.end() :][:1], rest[special.end() + 1 :]
    else:
        revision, slash, environment = rest.partition("/")
    if slash and (not environment or "/" in environment):
        _refuse(
            text,
            f"behind 'namespace/name@' a revision ends at the next slash, so {environment!r} would be the environment; "
            f"write the slashes of a branch as %2F, as in @{rest.strip('/').replace('/', '%2F')}",
        )
    return revision, environment or None


def _refuse(text: str, reason: str) -> NoReturn:
    raise ReferenceInvalid(f"{text!r}: {reason}; a reference is {_FORMS}")
