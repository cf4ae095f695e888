"""Cost against size, as one SVG of small plots."""

from collections.abc import Mapping
from pathlib import Path

from figures import BY_SIZE

_UNITS = {"open": "s", "first": "s", "random": "us", "resume": "s", "memory": "MB"}


def draw(sizes: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """Draw one plot a figure, both axes logarithmic.

    Args:
        sizes: Rows to figure to contender to median.
        path: The SVG to write.
    """
    import matplotlib as mpl

    mpl.use("svg")
    # Without dates and random ids, the same figures give the same file.
    mpl.rcParams["svg.hashsalt"] = "loader"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(BY_SIZE), figsize=(4 * len(BY_SIZE), 3.6), layout="constrained")
    rows = sorted(map(int, sizes))
    for axis, measured in zip(axes, BY_SIZE, strict=True):
        for name in measured.contenders:
            known = [count for count in rows if name in sizes[str(count)][measured.key]]
            axis.plot(known, [sizes[str(count)][measured.key][name] for count in known], marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel="rows", title=f"{measured.title}, {_UNITS[measured.key]}")
        axis.grid(visible=True, which="both", alpha=0.2)
    axes[0].legend()
    figure.savefig(path, metadata={"Date": None})
