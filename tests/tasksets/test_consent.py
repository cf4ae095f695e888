"""What a taskset asks for needs the user's word, word for word; and each refusal says how to give it."""

from dataclasses import replace

import pytest

from openenv_tasksets.consent import Consent
from openenv_tasksets.loaders.errors import ConsentNeeded

IMAGE = "ghcr.io/acme/quiz:1.0"
ALL = Consent(frozenset({"quiz"}), frozenset({"KEY", "OTHER"}), images=frozenset({IMAGE}))


@pytest.fixture
def environment(declare):
    openenv = {"min_version": ">=0.10.0", "package": "acme-quiz", "secrets": ["KEY", "OTHER"]}
    return declare(id="quiz", frameworks={"openenv": openenv}).environments[0]


def test_everything_that_is_missing_is_said_at_once(environment):
    with pytest.raises(ConsentNeeded) as caught:
        Consent().check(environment, executes_rows=True, image=IMAGE, variables={"KEY": "k", "OTHER": "o"})
    assert str(caught.value).splitlines() == [
        f"environment 'quiz' runs the container image {IMAGE}: allow it with --allow-image {IMAGE}",
        "environment 'quiz' executes code from the rows: allow it with --allow-execution quiz",
        "environment 'quiz' wants the secret KEY: allow it with --allow-secret KEY",
        "environment 'quiz' wants the secret OTHER: allow it with --allow-secret OTHER",
    ]


def test_what_was_allowed_is_enough(environment):
    ALL.check(environment, executes_rows=True, image=IMAGE, variables={"KEY": "", "OTHER": "o"})


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"execution": frozenset({"other"})}, "--allow-execution quiz"),
        ({"secrets": frozenset({"KEY"})}, "--allow-secret OTHER"),
        ({"images": frozenset({f"{IMAGE}-x"})}, f"--allow-image {IMAGE}"),
    ],
)
def test_a_word_for_something_else_is_none(environment, change, missing):
    with pytest.raises(ConsentNeeded, match=f"{missing}$"):
        replace(ALL, **change).check(environment, executes_rows=True, image=IMAGE, variables={"KEY": "k", "OTHER": "o"})


def test_a_secret_that_is_allowed_must_be_set_and_is_never_shown(environment):
    with pytest.raises(ConsentNeeded) as caught:
        Consent(secrets=frozenset({"KEY", "OTHER"})).check(environment, variables={"OTHER": "s3cret"})
    assert str(caught.value) == "the secret KEY is allowed but not set: export KEY=..."


def test_who_asks_for_nothing_needs_no_word(declare):
    Consent().check(declare().environments[0], variables={})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost"])
def test_rows_may_always_go_to_this_machine(url):
    Consent().check_host(url, "quiz")


@pytest.mark.parametrize("allowed", ["acme-quiz.hf.space", "ACME-quiz.HF.space"])
def test_rows_go_to_a_host_that_was_named(allowed):
    Consent(hosts=frozenset({allowed})).check_host("https://acme-quiz.hf.space:443/x", "quiz")


@pytest.mark.parametrize(
    "url",
    [
        "https://acme-quiz.hf.space",
        "https://evil.example",
        "https://localhost.evil.example",
        "http://192.168.0.1",
        "http://127.8.9.1",
    ],
)
def test_and_to_no_other(url):
    consent = Consent(hosts=frozenset({"hf.space", "other.hf.space", "quiz.hf.space"}))
    host = url.partition("://")[2]
    with pytest.raises(ConsentNeeded, match=f"runs on {host}, so its rows, .* allow it with --allow-host {host}$"):
        consent.check_host(url, "quiz")
