"""What the declaration shows of what it hides is said, and is no fault."""

from planted_quiz import ROWS, TASK, Quiz

from openenv_tasksets.audit.declared import check


def test_a_hidden_argument_that_is_public_too_is_said(check_of):
    found = check_of(check, Quiz, task={**TASK, "public": ["answer"], "gold": {}})
    assert (found.status, found.tested) == ("passed", "4 tasks")
    assert found.notes == ["hidden 'answer' is public, too: trainers see it, agents do not"]


def test_tasks_whose_visible_text_holds_the_hidden_one_are_counted(check_of):
    told = {**ROWS["train"][0], "prompt": f"Say {ROWS['train'][0]['answer']}, please."}
    found = check_of(check, Quiz, {"train": [told, ROWS["train"][1]]})
    assert found.notes == ["the text of hidden 'answer' stands in visible 'prompt' in 1 of 2 tasks"]


def test_a_declaration_that_shows_nothing_has_no_notes(check_of):
    assert check_of(check, Quiz).notes == []
