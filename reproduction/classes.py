"""The figure on images as published, as a mean over the ten classes: from exports, tabulated beside the paper's.

``python -m reproduction.classes FILE…`` reads exports of runs that sweep ``problem.positive_class``, of one data set or
of several, and prints a table of each.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproduction.kept import PUBLISHED
from reproduction.sections import table


class Mean(NamedTuple):
    """Over the classes of a variant and rank."""

    train: float
    test: float
    classes: list[int]


Key = tuple[str, str, int]
"""Data set, variant and rank."""


def means(documents: Iterable[dict[str, Any]]) -> dict[Key, Mean]:
    """Last errors, each class once, where seeds differ as their mean. Raises ValueError for what has no such lanes."""
    found: dict[Key, dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for document in documents:
        problem, model = document["spec"]["problem"], document["spec"]["model"]
        for lane in document["lanes"]:
            chosen, final = lane["parameters"], lane["final"]
            if "test_error" not in final or problem["kind"] != "image-tensor":
                raise ValueError(f"run {document['id']} has no errors of images: give exports of mnist-rank")
            of = {name: chosen.get(f"problem.{name}", problem.get(name)) for name in ("dataset", "variant")}
            rank = chosen.get("model.components", model.get("components"))
            label = chosen.get("problem.positive_class", problem.get("positive_class"))
            key = str(of["dataset"]), str(of["variant"]), int(rank)
            found[key][int(label)].append((final["train_error"], final["test_error"]))
    return {key: Mean(_mean(by, 0), _mean(by, 1), sorted(by)) for key, by in sorted(found.items())}


def _mean(by_class: dict[int, list[tuple[float, float]]], part: int) -> float:
    return statistics.mean(statistics.mean(one[part] for one in seeds) for seeds in by_class.values())


def tables(found: dict[Key, Mean]) -> str:
    """A table of each data set; MNIST's with the published means, where classes are as many."""
    parts = []
    for dataset in dict.fromkeys(key[0] for key in found):
        rows = []
        for (one, variant, rank), mean in found.items():
            if one != dataset:
                continue
            train, test = PUBLISHED.get(variant, {}).get(rank, ("", "")) if dataset == "mnist" else ("", "")
            rows.append(
                [variant, str(rank), str(len(mean.classes)), train, f"{mean.train:.4f}", test, f"{mean.test:.4f}"]
            )
        head = ["data", "R", "classes", "train, published", "ours", "test, published", "ours"]
        parts.append(f"{dataset}\n\n{table(head, rows)}")
    return "\n".join(parts)


def main(names: Sequence[str]) -> int:
    """The exit status."""
    if not names:
        print("give exports of mnist-rank that sweep problem.positive_class", file=sys.stderr)
        return 2
    try:
        print(tables(means(json.loads(Path(name).read_text(encoding="utf-8")) for name in names)))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
