"""The training example, run as a user would, with a tiny model in a folder."""

import pytest
from tiny_model import calling, tiny_model, tiny_tokenizer

from openenv_tasksets.answer import Answer
from openenv_tasksets.audit.served import served
from openenv_tasksets.server.host import Host
from openenv_tasksets.taskset import Taskset
from tasksets_examples.training.grpo import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # TRL, transformers and torch warn of themselves.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.mark.parametrize("way", ["in this process", "at a server"])
def test_a_model_of_a_folder_is_trained_and_saved(tmp_path, way):
    import torch

    torch.set_num_threads(1)
    values = ['"#### 36"', '"#### 19"', '"#### 145"']
    grammar = calling("submit", "answer", values)
    tokenizer = tiny_tokenizer([each for each in grammar if len(each) > 1 and not each.startswith("<")])
    model, output = tmp_path / "model", tmp_path / "trained"
    tokenizer.save_pretrained(model)
    tiny_model(tokenizer, grammar).save_pretrained(model)

    def run(taskset):
        main([taskset, "--model", str(model), "--output", str(output), "--steps=2", "--group=4", "--cpu"])

    if way == "in this process":
        run("examples/questions")
    else:
        taskset = Taskset.from_path("examples/questions")
        with served(Host(taskset, Answer)) as url:
            run(url)
    before, after = ((folder / "model.safetensors").read_bytes() for folder in (model, output))
    assert len(before) == len(after)
    assert before != after
