"""Train a model on a taskset with TRL's ``GRPOTrainer``: rows are positions, the environment has tools and reward.

python -m tasksets_examples.training.grpo examples/questions --model Qwen/Qwen3-0.6B
python -m tasksets_examples.training.grpo http://127.0.0.1:8000 --model Qwen/Qwen3-0.6B
"""

import argparse
from collections.abc import Sequence

from openenv_tasksets.trl import TasksetSpec


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and save what came of it."""
    parser = argparse.ArgumentParser(description="Train a model on a taskset.")
    parser.add_argument("taskset", help="a folder, a reference to the Hub, or the URL of a server")
    parser.add_argument("--model", required=True, help="a model of the Hub or a folder; its template must call tools")
    parser.add_argument("--output", default="grpo", help="where the trained model goes")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--group", type=int, default=8, help="rollouts of one task that are compared")
    parser.add_argument("--cpu", action="store_true", help="train without a GPU, which is for small models")
    given = parser.parse_args(arguments)
    where = {"url": given.taskset} if given.taskset.startswith(("http://", "https://")) else {"taskset": given.taskset}
    with TasksetSpec(**where) as spec:
        train(spec, given)


def train(spec: TasksetSpec, given: argparse.Namespace) -> None:
    """Train on a spec's positions, in their own order."""
    # Imported here, since it takes seconds.
    from trl import GRPOConfig, GRPOTrainer

    config = GRPOConfig(
        output_dir=given.output,
        max_steps=given.steps,
        num_generations=given.group,
        per_device_train_batch_size=given.group,
        max_completion_length=512,
        max_tool_calling_iterations=4,
        shuffle_dataset=False,  # positions are shuffled already
        use_cpu=given.cpu,
        bf16=not given.cpu,
        logging_steps=1,
        report_to="none",
    )
    trainer = GRPOTrainer(
        model=given.model,
        args=config,
        train_dataset=spec.train_dataset,
        environment_factory=spec.environment_factory,
    )
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
