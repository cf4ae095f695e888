"""Whether a folder of the Hub's cache holds only what its names say, whatever happened while it was filled."""

import hashlib
from pathlib import Path

import msgspec
from loopback_hub import LoopbackHub

from openenv_tasksets.loaders.hub_file import HubFile


def assert_cache_is_whole(server: LoopbackHub, cache_dir: Path, *, was_killed: bool = False) -> None:
    """Whatever has the name of a whole file is one, every link leads to one, and lists of files are whole.

    Args:
        server: What the cache is of.
        cache_dir: The cache.
        was_killed: Whether half files may be left, under names of their own.
    """
    for blob in cache_dir.glob("*/blobs/*"):
        if was_killed and blob.name.endswith(".incomplete"):
            continue
        content = blob.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert blob.name in (git, hashlib.sha256(content).hexdigest())
    for link in cache_dir.glob("*/snapshots/**/*"):
        assert link.exists()
    for listing in cache_dir.glob("*/openenv-tasksets/files/*.json"):
        repo_id = listing.parents[2].name.removeprefix("datasets--").replace("--", "/")
        listed = msgspec.json.decode(listing.read_bytes(), type=list[HubFile])
        assert {file.path for file in listed} == set(server.files(repo_id, listing.stem))
