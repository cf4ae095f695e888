"""Write the reasoning taskset: rows that reasoning-gym generates, in three tiers, with none in both splits.

python -m tasksets_examples.reasoning.build DIR [--size 5000] [--seed 0]
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import typer
from reasoning_gym import create_dataset
from tqdm import tqdm

# Each family's own parameters: easy, medium, hard.
TIERS = {
    "chain_sum": [
        {"min_terms": t, "max_terms": t + 1, "min_digits": d, "max_digits": d} for t, d in ((2, 2), (4, 3), (6, 4))
    ],
    "gcd": [{"min_numbers": n, "max_numbers": n, "max_value": v} for n, v in ((2, 200), (2, 5_000), (4, 50_000))],
    "base_conversion": [{"max_base": b, "max_value": v} for b, v in ((8, 500), (16, 5_000), (36, 500_000))],
    "leg_counting": [{"min_animals": a, "max_animals": a + 1} for a in (2, 5, 9)],
    "caesar_cipher": [{"min_words": low, "max_words": high} for low, high in ((3, 6), (7, 12), (13, 20))],
    "word_sorting": [{"min_words": w, "max_words": w + 1} for w in (3, 6, 10)],
    "shortest_path": [{"min_rows": n, "max_rows": n, "min_cols": n, "max_cols": n} for n in (4, 6, 9)],
    "knights_knaves": [{"n_people": n, "depth_constraint": d} for n, d in ((2, 2), (3, 2), (4, 3))],
}
DIFFICULTIES = ("easy", "medium", "hard")


def rows(split: str, per_tier: int, seed: int, taken: set[str]) -> Iterator[dict[str, str]]:
    """Rows of every family and tier in turn; ``taken`` holds the questions there are, and gets these."""
    cells = []
    for family, tiers in TIERS.items():
        for difficulty, parameters in zip(DIFFICULTIES, tiers, strict=True):
            # reasoning-gym seeds entry i with seed + i: two near seeds would share their entries.
            own = hashlib.blake2b(f"{seed}/{split}/{family}/{difficulty}".encode(), digest_size=4).digest()
            dataset = create_dataset(family, seed=int.from_bytes(own), size=2**31, **parameters)
            cells.append((family, difficulty, map(dataset.__getitem__, range(50 * per_tier + 1000))))
    for number in range(per_tier):
        for family, difficulty, entries in cells:
            entry = next((each for each in entries if each["question"] not in taken), None)
            if entry is None:
                raise ValueError(f"{family} has only about {number} {difficulty} questions; ask for fewer rows")
            taken.add(entry["question"])
            labels = {"id": f"{split}-{family}-{difficulty}-{number}", "family": family, "difficulty": difficulty}
            shown = {"question": entry["question"], "answer": entry["answer"]}
            yield labels | shown | {"metadata": json.dumps(entry["metadata"])}


def build(folder: Path, size: int = 5000, seed: int = 0) -> dict[str, int]:
    """Write ``environment.yaml`` and ``data/`` into ``folder``; returns the number of rows of each split.

    Args:
        folder: Made if need be.
        size: Rows of both splits together, at least; one in ten is a test row.
        seed: Another seed gives other rows.
    """
    per_tier = max(2, -(-size // (len(TIERS) * len(DIFFICULTIES))))
    counts = {"test": -(-per_tier // 10)}
    counts["train"] = per_tier - counts["test"]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for split, count in counts.items():
        total = count * len(TIERS) * len(DIFFICULTIES)
        made = list(tqdm(rows(split, count, seed, taken), split, total, unit=" rows", delay=1, disable=None))
        table = pyarrow.Table.from_pylist(made)
        pyarrow.parquet.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")
        counts[split] = len(made)
    shutil.copyfile(Path(__file__).with_name("environment.yaml"), folder / "environment.yaml")
    return counts


def main(folder: Path, size: int = 5000, seed: int = 0) -> None:
    """Write the reasoning taskset into FOLDER."""
    counts = build(folder, size, seed)
    print(", ".join(f"{count} {split}" for split, count in counts.items()), f"tasks in {folder}")


if __name__ == "__main__":
    typer.run(main)
