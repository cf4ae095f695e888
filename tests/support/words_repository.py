"""A repository of three files for tests of the Hub, and the client that reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from loopback_hub import LoopbackHub

from openenv_tasksets.loaders.hub import Hub

REPO = "acme/words"
LARGE = "data/train.parquet"
FILES = {"README.md": b"# Words\n", "notes/a.txt": b"", LARGE: bytes(range(256)) * 40}
UNKNOWN = "f" * 40


@contextmanager
def words_hub(files: Mapping[str, bytes] = FILES) -> Iterator[LoopbackHub]:
    """A Hub that has the repository, with these files."""
    with LoopbackHub() as running:
        running.create_repo(REPO)
        running.commit(REPO, files)
        yield running


def open_hub(server, **options):
    """A client that never waits."""
    options = {"token": server.token, "cache_dir": server.cache_dir, "wait": lambda seconds: None, **options}
    return Hub(server.endpoint, **options)


def flipped(content):
    """The same with one bit changed."""
    return content[:-1] + bytes([content[-1] ^ 1])
