import pytest

from openenv_tasksets.declaration import EnvironmentDeclaration, RewardDeclaration
from openenv_tasksets.loaders.errors import DeclarationError
from openenv_tasksets.yaml_scalar import PlainScalar


def reward(value):
    return EnvironmentDeclaration(id="a", frameworks={"b": {}}, reward=value).reward


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        ("sparse", "sparse"),
        (PlainScalar("sparse"), "sparse"),
        (PlainScalar("0.5"), 0.5),
        (PlainScalar("1"), 1.0),
        ("0.5", "0.5"),
        (2, 2.0),
        ({}, RewardDeclaration()),
        ({"range": [0, PlainScalar("1")]}, RewardDeclaration(range=(0, 1))),
        ({"success_threshold": 0.5}, RewardDeclaration(success_threshold=0.5)),
        (RewardDeclaration(range=(0, 1)), RewardDeclaration(range=(0, 1))),
        ({"range": None}, RewardDeclaration()),
        ({"kind": PlainScalar("1")}, {"kind": 1}),
        ({"range": "any", "kind": "rubric"}, {"range": "any", "kind": "rubric"}),
    ],
)
def test_a_reward_is_ours_or_a_convention_a_scalar_or_an_object(value, wanted):
    assert reward(value) == wanted
    assert type(reward(value)) is type(wanted)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "reward: expected a convention's name, a number or a mapping; got true"),
        (PlainScalar("true"), "reward: expected a convention's name, a number or a mapping; got true"),
        ([1], "reward: expected a convention's name, a number or a mapping; got a list"),
        (PlainScalar(".inf"), "reward: .inf is not a number that JSON can hold"),
        ({"range": [1, 0]}, "reward.range: the lowest reward must be below the highest; got 1 and 0"),
        ({"range": [0, 0]}, "reward.range: the lowest reward must be below the highest; got 0 and 0"),
        ({"range": [0]}, "reward.range: expected the lowest and the highest reward, as in [0, 1]; got a list"),
        ({"range": "01"}, "reward.range: expected the lowest and the highest reward, as in [0, 1]; got '01'"),
        ({"range": [0, "1"]}, "reward.range: expected a number; got the text '1' (leave the quotes out)"),
        ({"range": [0, 1], "success_threshold": 2}, "reward.success_threshold: 2 is outside the range [0, 1]"),
        (
            {"success_treshold": 1},
            "reward.success_treshold: unknown key 'success_treshold'; did you mean 'success_thre",
        ),
    ],
)
def test_one_mistake_is_one_issue(value, message):
    with pytest.raises(DeclarationError) as caught:
        reward(value)
    (issue,) = caught.value.issues
    assert f"{issue.path}: {issue.message}".startswith(message)
