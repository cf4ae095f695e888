import pytest

from openenv_tasksets.declaration import Frameworks, OpenEnvRuntime, Resources
from openenv_tasksets.loaders.errors import DeclarationError


def mistakes(model=OpenEnvRuntime, **values):
    with pytest.raises(DeclarationError) as caught:
        model(**values)
    return [f"{issue.path}: {issue.message}" for issue in caught.value.issues]


def test_a_runtime_needs_only_what_it_runs():
    runtime = OpenEnvRuntime(package="acme-env[gpu]>=1.0,<2; python_version > '3'")
    assert (runtime.manifest, runtime.arguments, runtime.secrets) == ("openenv.yaml", {}, ())
    assert OpenEnvRuntime(image="ghcr.io/openenv/tbench2:0.3.0").min_version is None
    assert OpenEnvRuntime(package=None, image="a", min_version=None) == OpenEnvRuntime(image="a")
    assert OpenEnvRuntime(space_id="openenv/coding_env", min_version=">=0.3.0").package is None


@pytest.mark.parametrize("image", ["env", "localhost:5000/acme/env:1.0", "ghcr.io/acme/env@sha256:0a1b", "a/b-c_d.e"])
def test_images_have_registries_tags_and_digests(image):
    assert OpenEnvRuntime(image=image).image == image


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, "none"),
        ({"package": "a", "image": "b"}, "package and image"),
        ({"package": "a", "image": "b", "space_id": "c/d"}, "package and image and space_id"),
    ],
)
def test_exactly_one_runtime_is_given(given, names):
    (message,) = mistakes(**given)
    assert message == f": exactly one of package, image, space_id is needed; got {names}"


def test_a_wrong_runtime_still_counts_as_the_one():
    (message,) = mistakes(package="a @ https://example.org/a.whl")
    assert message.startswith("package: expected a package to install")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_version": "0.3"}, "min_version: expected a version range such as '>=0.10.0'; got '0.3'"),
        ({"min_version": ">=x"}, "min_version: expected a version range"),
        ({"package": "a b"}, "package: expected a package to install, such as 'acme-env>=1.0' (no URL); got 'a b'"),
        ({"package": "git+https://example.org/a"}, "package: expected a package to install"),
        ({"manifest": "/openenv.yaml"}, "manifest: expected a relative path with '/' between its parts"),
        ({"manifest": "a/../../b"}, "manifest: expected a relative path"),
        ({"environment": "module:Class"}, "environment: expected an entry point's name (no module path)"),
        ({"arguments": [1]}, "arguments: expected a mapping; got a list"),
        ({"arguments": {"a": float("nan")}}, "arguments.a: a number beyond what JSON can hold"),
        ({"resources": {"disk": 1}}, "resources.disk: unknown key 'disk'. There are: 'cpus', 'gpus', 'memory_gb'"),
        ({"secrets": "HF_TOKEN"}, "secrets: expected a list; got something else"),
    ],
)
def test_each_field_says_what_it_wants(values, message):
    (given,) = mistakes(**{"package": "acme-env", **values})
    assert given.startswith(message)


@pytest.mark.parametrize("runtime", [{"image": "a"}, {"space_id": "a/b"}])
def test_an_image_or_a_space_chooses_its_environment_itself(runtime):
    found = mistakes(**runtime, environment="answer", arguments={"checker": "number"})
    assert [each.split(": ", 1) for each in found] == [
        ["environment", "goes with package only: an image or a Space chooses its environment itself"],
        ["arguments", "goes with package only: an image or a Space chooses its environment itself"],
    ]


def test_resources_are_typed():
    resources = Resources(cpus=0.5, memory_gb=8, gpus=0, network=False)
    assert (resources.memory_gb, resources.network) == (8.0, False)
    assert len(mistakes(Resources, cpus=0, memory_gb=-1, gpus=-1, network="no")) == 4


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "_private", "lower_case"])
def test_secrets_are_names(name):
    assert OpenEnvRuntime(image="a", secrets=[name]).secrets == (name,)


@pytest.mark.parametrize(
    "value",
    [
        "hf_abcdefghijkl",
        "sk-abcdefghijkl",
        "sk_live_abcdefgh",
        "ghp_abcdefgh",
        "KEY=abcdefgh",
        "a b",
        "",
        "x" * 65,
        7,
        None,
    ],
)
def test_a_value_in_the_place_of_a_secrets_name_is_never_shown(value):
    with pytest.raises(DeclarationError) as caught:
        OpenEnvRuntime(image="a", secrets=[value])
    assert caught.value.issues[0].path == "secrets[0]"
    assert "expected the name of an environment variable, such as OPENAI_API_KEY" in str(caught.value)
    for error in (caught.value, caught.value.__cause__):
        assert "abcdefgh" not in str(error)


def test_other_frameworks_blocks_are_kept_as_they_are():
    frameworks = Frameworks(**{"harbor": {"a": [1, {"b": None}]}, "x y": "text"})
    assert frameworks.openenv is None
    assert frameworks.foreign == {"harbor": {"a": [1, {"b": None}]}, "x y": "text"}
    assert frameworks.to_dict() == frameworks.foreign


def test_there_is_at_least_one_framework():
    assert mistakes(Frameworks) == [": name at least one framework, such as openenv"]
    assert mistakes(Frameworks, openenv=None) == [": name at least one framework, such as openenv"]
    assert Frameworks(verifiers={}).foreign == {"verifiers": {}}


def test_a_foreign_block_is_json():
    assert mistakes(Frameworks, harbor={"a": {1, 2}})[0].startswith("harbor.a: a set is not JSON")
