"""The same task looks the same twice, in one session and in another."""

from planted_quiz import ROWS, Quiz, Random, Remembers

from openenv_tasksets.audit.repetition import check


def test_one_in_order_is_reset_twice_by_index_and_by_seed(check_of):
    found = check_of(check, Quiz)
    assert (found.status, found.findings) == ("passed", [])
    assert found.tested == "4 tasks and 6 positions, each reset twice"


def test_what_differs_and_where_is_named(check_of):
    told = [each.message for each in check_of(check, Random).findings]
    assert "a second reset gives another observation (observation.hint)" in told
    assert "a reset in another session gives another observation (observation.hint)" in told
    assert "position 0 of split 'train' asked for twice gives another observation (observation.hint)" in told
    assert any(each.message.startswith("a second reset gives") for each in check_of(check, Remembers).findings)


def test_a_task_that_the_environment_refuses_is_found(check_of):
    class Picky(Quiz):
        def reset(self, prompt, answer, even):
            if answer == ROWS["train"][0]["answer"]:
                raise ValueError
            return super().reset(prompt, answer, even)

    (finding,) = check_of(check, Picky).findings
    assert finding.message.startswith("the environment refuses the task: ")
    assert "train/0" in str(finding)
