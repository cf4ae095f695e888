import pytest

from openenv_tasksets.loaders.card import choose_config
from openenv_tasksets.loaders.errors import SourceError


def card(configs):
    return f"---\nlicense: mit\nconfigs:\n{configs}\n---\n# Title\n"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "# Title",
        "---\nlicense: mit\n---\n",
        "---\nconfigs: []\n---\n",
        "---\n- a\n---\n",
        "---\nopen",
    ],
)
def test_a_card_without_configs_has_the_default_one(text):
    config = choose_config(text, None)

    assert (config.name, config.data_files, config.data_dir) == ("default", None, "")


def test_names_keep_their_spelling():
    """YAML 1.1 would read the one as 8 and the other as true."""
    config = choose_config(card("- config_name: 010\n  data_files: [{split: on, path: a.csv}]"), "010")

    assert config.data_files == {"on": ("a.csv",)}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_front_matter_is_found_behind_blanks_and_marks(newline):
    text = "\ufeff\n---\nconfigs:\n- config_name: a\n---\n".replace("\n", newline)

    assert choose_config(text, None).name == "a"


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (
            "- config_name: a\n- config_name: b",
            "no config is the default; set config_name. There are: 'a', 'b'",
        ),
        ("- {config_name: a, default: true}\n- config_name: default", "several configs are the default"),
        ("- config_name: a\n- config_name: a", "config 'a' is there twice"),
        ("- data_files: a.csv", r"configs\[0\]: needs a config_name"),
        ("- just text", r"configs\[0\]: needs a config_name"),
        ("  a: b", "configs must be a list"),
        ("- {config_name: a, data_files: [{split: x}]}", "data_files must be text, a list"),
        ("- {config_name: a, data_files: {train: a.csv}}", "data_files must be text, a list"),
        ("- {config_name: a, data_files: []}", None),
        ("- {config_name: a, data_files: [{split: my-split, path: x}]}", "'my-split' cannot name a split"),
        ("- {config_name: a, data_files: [{split: x, path: y}, {split: x, path: z}]}", "'x' is there twice"),
        ("- {config_name: a, data_dir: [x]}", "data_dir must be text"),
        ("- {config_name: a, data_dir: ../x}", "must be a path below"),
        ('- {config_name: a, sep: ";", header: 1}', "'header', 'sep' would change how the files are read"),
        ("- {config_name: a, <<: {data_dir: x}}", "'<<' would change"),
        ("- {config_name: [a}", "README.md: not valid YAML at line 4"),
        ("- config_name: *nobody", "not valid YAML at line 4"),
        # Newer versions of libyaml have a bound of their own, and look further ahead than to the first event.
        ("- config_name: " + "[" * 100_000, "nested more than 64 deep|exceeded maximum nesting depth"),
        ("- config_name: " + "[" * 65 + "]" * 65, "YAML nested more than 64 deep"),
        ("- ? {a: b}\n  : c", "README.md"),
    ],
)
def test_a_mistake_in_the_configs_is_named(configs, message):
    if message is None:
        assert choose_config(card(configs), None).data_files == {}
        return
    with pytest.raises(SourceError, match=message):
        choose_config(card(configs), None)
