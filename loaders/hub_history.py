"""What a repository has ever held: every commit of every branch, tag and pull request, and columns by footers."""

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi, HfFileSystem

from openenv_tasksets.loaders.errors import SourceError
from openenv_tasksets.loaders.hub import Hub

_TYPE = "dataset"
_BLOCK_BYTES = 1 << 16


def every_commit(hub: Hub, repo_id: str) -> list[str]:
    """The hash of every commit that a reference leads to.

    Raises:
        HubError: There is no such repository, or the Hub does not answer.
    """

    def every(api: HfApi) -> list[str]:
        refs = api.list_repo_refs(repo_id, repo_type=_TYPE, include_pull_requests=True)
        found: dict[str, None] = {}
        for ref in (*refs.branches, *refs.tags, *refs.converts, *(refs.pull_requests or ())):
            if ref.target_commit not in found:
                commits = api.list_repo_commits(repo_id, repo_type=_TYPE, revision=ref.target_commit)
                found.update(dict.fromkeys(commit.commit_id for commit in commits))
        return list(found)

    return hub.call(every, repo_id, f"the history of {repo_id}")


def column_names(hub: Hub, repo_id: str, commit_hash: str, path: str) -> tuple[str, ...]:
    """The columns of a Parquet file; only its footer is fetched.

    Raises:
        SourceError: It is not Parquet.
        HubError: The Hub does not give it.
    """
    what = f"{repo_id}: {path} of commit {commit_hash[:7]}"

    def read(api: HfApi) -> tuple[str, ...]:
        files = HfFileSystem(endpoint=api.endpoint, token=api.token, skip_instance_cache=True)
        with files.open(f"datasets/{repo_id}@{commit_hash}/{path}", block_size=_BLOCK_BYTES) as opened:
            return tuple(pq.read_schema(opened).names)

    try:
        return hub.call(read, repo_id, what)
    except pa.ArrowException as exc:
        raise SourceError(f"{what} is no Parquet file: {exc}") from exc
