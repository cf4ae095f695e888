"""Mixtures across environments: exact proportions, each environment's positions once."""

from collections import Counter

import pytest

from openenv_tasksets.environment_mixture import EnvironmentMixture
from openenv_tasksets.loaders.errors import SelectionError


def test_each_environment_gets_its_share_and_each_of_its_positions_once() -> None:
    mixture = EnvironmentMixture({"math": 0.7, "code": 0.3})
    met = [selectors for _, selectors in mixture.stream(stop=100)]
    assert Counter(each["environment"] for each in met) == {"math": 70, "code": 30}
    for name, count in {"math": 70, "code": 30}.items():
        assert [each["seed"] for each in met if each["environment"] == name] == list(range(count))


def test_shards_and_later_starts_share_the_positions_out() -> None:
    mixture = EnvironmentMixture({"math": 2, "code": 1})
    found = [each for shard in range(3) for each in mixture.stream(7, stop=50, shard_index=shard, shard_count=3)]
    assert sorted(found, key=lambda each: each[0]) == [(p, mixture.selectors(p)) for p in range(7, 50)]


def test_the_seed_mixes_otherwise() -> None:
    mixed = [
        [s["environment"] for _, s in EnvironmentMixture({"a": 1, "b": 1}, shuffle_seed=n).stream(stop=50)]
        for n in (0, 1)
    ]
    assert mixed[0] != mixed[1]


def test_what_is_no_mixture_is_refused() -> None:
    with pytest.raises(SelectionError, match="needs at least one part"):
        EnvironmentMixture({})
    with pytest.raises(SelectionError, match="a weight is a number above 0, not -1"):
        EnvironmentMixture({"a": -1})
