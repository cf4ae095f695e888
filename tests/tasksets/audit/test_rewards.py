"""The gold action earns the top reward, and what knows nothing of the task does not."""

from planted_quiz import TASK, Generous, NeverRight, Quiz, TakesAnything, TakesThePrompt

from openenv_tasksets.audit.rewards import check

WITHOUT_GOLD = {name: value for name, value in TASK.items() if name != "gold"}


def messages(found):
    return [(each.channel, each.message) for each in found.findings]


def test_one_in_order_rewards_the_right_answer_alone(check_of):
    assert messages(check_of(check, Quiz)) == []


def test_a_reward_for_nothing_and_none_for_the_answer_are_found(check_of):
    assert ("step", "an empty action earns the top reward 1") in messages(check_of(check, Generous))
    told = messages(check_of(check, TakesThePrompt))
    assert ("step", "an action that repeats the prompt earns the top reward 1") in told
    assert ("step", "the gold action earns 0, not the top reward 1") in messages(check_of(check, NeverRight))


def test_without_gold_actions_what_always_wins_is_found(check_of):
    told = messages(check_of(check, TakesAnything, task=WITHOUT_GOLD))
    assert ("step", "an empty action earns the top reward 1 in every task") in told
    assert check_of(check, Quiz, task=WITHOUT_GOLD).findings == []
