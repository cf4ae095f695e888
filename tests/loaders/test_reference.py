"""References: every form is read, one is printed, and what cannot be meant is refused with the reason."""

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from openenv_tasksets.loaders.errors import ReferenceInvalid
from openenv_tasksets.loaders.reference import DatasetReference, ResolvedReference

SHA = "0123456789abcdef0123456789abcdef01234567"


def parsed(text):
    reference = DatasetReference.parse(text)
    return reference.repo_id, reference.environment, reference.revision


@pytest.mark.parametrize(
    ("text", "environment", "revision"),
    [
        ("acme/words", None, None),
        ("acme/words/spelling", "spelling", None),
        ("acme/words@main", None, "main"),
        ("acme/words/spelling@v1.0", "spelling", "v1.0"),
        ("acme/words/spelling@0123abc", "spelling", "0123abc"),
        (f"acme/words/spelling@{SHA}", "spelling", SHA),
        ("acme/words/spelling@refs/pr/3", "spelling", "refs/pr/3"),
        ("acme/words/spelling@feature/x", "spelling", "feature/x"),
        ("acme/words/spelling@feature%2Fx", "spelling", "feature/x"),
        ("acme/words@v1.0/spelling", "spelling", "v1.0"),
        ("acme/words@refs/pr/3/spelling", "spelling", "refs/pr/3"),
        ("acme/words@refs/pr/3", None, "refs/pr/3"),
        ("acme/words@refs/convert/parquet/spelling", "spelling", "refs/convert/parquet"),
        ("acme/words@refs%2Fpr%2F3/spelling", "spelling", "refs/pr/3"),
        ("acme/words@feature%2Fx/spelling", "spelling", "feature/x"),
        ("acme/words@feature%2Fx", None, "feature/x"),
        ("acme/words/spelling@a@b", "spelling", "a@b"),
        ("acme/words@100%25", None, "100%"),
    ],
)
def test_both_orders_are_read_with_and_without_the_scheme(text, environment, revision):
    assert parsed(text) == ("acme/words", environment, revision)
    assert parsed(f"hf://datasets/{text}") == ("acme/words", environment, revision)


def test_a_slash_directly_behind_a_plain_revision_begins_the_environment_as_for_the_hubs_library():
    assert parsed("acme/words@feature/x") == ("acme/words", "x", "feature")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("acme/words@feature%2Fx/spelling", "hf://datasets/acme/words@feature%2Fx/spelling"),
        ("acme/words@refs/pr/12/spelling", "hf://datasets/acme/words@refs/pr/12/spelling"),
        ("acme/words@refs/convert/parquet", "hf://datasets/acme/words@refs/convert/parquet"),
        ("acme/words/spelling", "hf://datasets/acme/words/spelling"),
    ],
)
def test_what_the_hubs_library_prints_means_the_same_here(text, uri):
    from huggingface_hub.utils import parse_hf_uri

    theirs = parse_hf_uri(uri)
    assert parsed(text) == parsed(uri) == (theirs.id, theirs.path_in_repo or None, theirs.revision)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (DatasetReference("acme/words"), "hf://datasets/acme/words"),
        (DatasetReference("acme/words", "spelling", "v1"), "hf://datasets/acme/words/spelling@v1"),
        (DatasetReference("acme/words", "spelling", "feature/x"), "hf://datasets/acme/words/spelling@feature/x"),
        (DatasetReference("acme/words", None, "feature/x"), "hf://datasets/acme/words@feature%2Fx"),
        (DatasetReference("acme/words", None, "refs/pr/3"), "hf://datasets/acme/words@refs/pr/3"),
        (ResolvedReference("acme/words", "spelling", SHA), f"hf://datasets/acme/words/spelling@{SHA}"),
    ],
)
def test_one_form_is_printed(reference, text):
    assert str(reference) == text


def test_only_a_whole_commit_hash_is_a_pin():
    assert DatasetReference("acme/words", None, SHA).is_pinned
    for revision in (None, "main", SHA[:7], SHA.upper(), SHA + "0"):
        assert not DatasetReference("acme/words", None, revision).is_pinned


NAMES = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,8}[A-Za-z0-9_])?", fullmatch=True)
REPO_IDS = st.builds("{}/{}".format, NAMES, NAMES).filter(
    lambda text: "--" not in text and ".." not in text and not text.endswith(".git")
)
ENVIRONMENTS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
REVISIONS = (
    st.none()
    | st.sampled_from(["main", "refs/pr/3", "refs/pr/3/x", "refs/prs", "refs/convert/parquet", "refs/convert/a/b", SHA])
    | st.text(string.ascii_letters + string.digits + "/@%.-_+#=é中&'", min_size=1, max_size=20)
)


def references():
    def build(repo_id, environment, revision):
        try:
            return DatasetReference(repo_id, environment, revision)
        except ReferenceInvalid:
            return None

    return st.builds(build, REPO_IDS, ENVIRONMENTS, REVISIONS).filter(lambda reference: reference is not None)


@given(references())
@example(DatasetReference("a/b", None, "refs/pr/3/x"))
@example(DatasetReference("a/b", "refs", "refs/pr/3"))
@example(DatasetReference("a/b", None, "%2F"))
def test_reading_what_is_printed_gives_the_same_reference(reference):
    assert DatasetReference.parse(str(reference)) == reference


@given(references())
def test_the_hubs_order_and_the_short_form_mean_the_same(reference):
    assume(reference.revision is not None)
    encoded = reference.revision.replace("%", "%25").replace("/", "%2F")
    tail = f"/{reference.environment}" if reference.environment else ""
    assert DatasetReference.parse(f"{reference.repo_id}@{encoded}{tail}") == reference


@given(st.text(max_size=60) | st.text("abc/@%:-. ", max_size=30))
def test_any_text_is_read_or_refused_and_what_is_read_prints_canonically(text):
    try:
        reference = DatasetReference.parse(text)
    except ReferenceInvalid:
        return
    assert DatasetReference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("squad", "needs a namespace; without one, 'name/environment' could not be told from 'namespace/name'"),
        ("squad@main", "needs a namespace"),
        ("hf://datasets/squad", "needs a namespace"),
        ("", "needs a namespace"),
        ("acme/words/a/b", "at most one part, the environment"),
        ("acme//words", "at most one part, the environment"),
        ("acme/words@", "there is no revision behind '@'"),
        ("hf://acme/words", "environments live in dataset repositories"),
        ("hf://spaces/acme/words", "environments live in dataset repositories"),
        ("https://huggingface.co/datasets/acme/words", "environments live in dataset repositories"),
        ("datasets/acme/words", "'datasets/' is only written behind 'hf://', as in hf://datasets/acme/words"),
        ("acme/words@feature/x/y", "write the slashes of a branch as %2F, as in @feature%2Fx%2Fy"),
        ("acme/words@main/", "a revision ends at the next slash"),
        ("acme/--words", "'acme/--words' is not the name of a dataset repository: namespace/name of letters"),
        ("acme/words.git", "is not the name of a dataset repository"),
        (f"acme/{'w' * 97}", "at most 96 characters"),
        ("acme/words/-x", "'-x' is not the id of an environment: letters, digits"),
        ("acme/words/spelling@a b", "'a b' is not the name of a branch, tag or commit: git allows no spaces"),
        ("acme/words/spelling@../../x", "is not the name of a branch"),
        ("acme/words@..%2F..%2Fx", "is not the name of a branch"),
        ("acme/words@%2Fetc", "is not the name of a branch"),
        (f"acme/words@{'a' * 257}", "at most 256 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason_and_the_forms(text, reason):
    with pytest.raises(ReferenceInvalid) as caught:
        DatasetReference.parse(text)
    message = str(caught.value)
    assert message.startswith(repr(text))
    assert reason in message
    assert "a reference is hf://datasets/NAMESPACE/NAME/ENVIRONMENT@REVISION" in message
    assert "hf://datasets/NAMESPACE/NAME@REVISION/ENVIRONMENT or NAMESPACE/NAME/ENVIRONMENT@REVISION" in message


def test_a_resolved_reference_needs_a_whole_commit_hash():
    with pytest.raises(ReferenceInvalid, match="'main' is not a commit hash of 40 hexadecimal digits"):
        ResolvedReference("acme/words", None, "main")
    with pytest.raises(ReferenceInvalid, match="not the name of a dataset repository"):
        ResolvedReference("words", None, SHA)
