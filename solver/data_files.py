"""The files that a spec names: made absolute, looked into, and refused where they make no problem."""

from __future__ import annotations

from pathlib import Path

import msgspec

from solver import matrix_file, settings, tables, variants
from solver.paths import typed
from solver.refusal import BadSetting
from solver.spec import Completion, ImageTensor, MatrixTruth, RunSpec
from solver.tables.table import Reading, Table

DATASETS = ImageTensor.SHIPPED
"""The image datasets that ship with the package."""
TABLES = ("films",)
"""The files of entries that ship with the package."""
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""What a directory of images must hold, gz or not."""


def table(problem: Completion) -> Table:
    """The entries of the problem's file. Raises BadSetting for what cannot be read, and for what makes no problem."""
    assert problem.file is not None
    reading = Reading(**{name: getattr(problem, name) for name in problem.OF_FILE})
    n_modes = problem.N_MODES[0] if len(problem.N_MODES) == 1 else None
    found = tables.read(_own(problem.file), reading, problem.shape, n_modes)
    if len(found.shape) not in problem.N_MODES:
        raise BadSetting(
            f"problem.file {Path(problem.file).name}: has {len(found.shape)} indices an entry ({found.format}), and a "
            f"tensor has {problem.N_MODES[0]} to {problem.N_MODES[-1]}: set problem.kind to matrix-completion, or "
            "choose problem.columns",
            "problem.file",
        )
    return found


def _own(file: str) -> Path:
    """Where a file lies; one that ships with the package is called by its name."""
    return Path(__file__).parent / "data" / f"{file}.csv" if file in TABLES else Path(file)


def settle(spec: RunSpec, directory: Path) -> RunSpec:
    """``spec`` with the path of its file or dataset made absolute (from ``directory``), and a file's shape filled in.

    So with the file of a ground truth. A spec without one comes back as it is.
    Raises BadSetting where the file, or what is held out of it, is no good.
    """
    problem = spec.problem
    _check_variants(spec)
    if isinstance(problem, ImageTensor):
        return _settle_dataset(spec, problem, directory)
    if isinstance(problem, MatrixTruth) and problem.ground_truth is not None:
        path = typed(problem.ground_truth, "problem.ground_truth", directory)
        matrix = matrix_file.of_shape(path, problem.shape)
        raw = settings.encode(spec)
        raw["problem"] |= {"ground_truth": str(path), "shape": list(matrix.shape)}
        return settings.decode(raw)
    if not isinstance(problem, Completion) or problem.file is None:
        return spec
    raw = settings.encode(spec)
    if problem.file not in TABLES:
        raw["problem"]["file"] = str(typed(problem.file, "problem.file", directory))
    raw["problem"] |= _split(spec, problem)
    problem = msgspec.convert(raw["problem"], type(problem))
    found = table(problem)
    held_out(len(found.values), problem)
    raw["problem"] |= {"shape": list(found.shape)}
    # Decoded anew: what the file's shape rules out is refused like anything else.
    return settings.decode(raw)


def _check_variants(spec: RunSpec) -> None:
    """Raises BadSetting where a variant has a directory of images of its own: only the run's is looked for."""
    for name, changes in spec.variants.items():
        dataset = changes.get("problem.dataset", DATASETS[0])
        if dataset not in DATASETS:
            raise variants.refusal(
                name,
                f"problem.dataset {dataset!r:.60} must be {' or '.join(DATASETS)} here: set a directory for the run",
            )


def _split(spec: RunSpec, problem: Completion) -> dict[str, float]:
    """Where the best step is waited for, it is chosen by half of what is held out, and judged by the other half."""
    if spec.stop.patience is None or problem.validation_fraction is not None:
        return {}
    half = problem.test_fraction / 2
    return {"test_fraction": half, "validation_fraction": half}


def _settle_dataset(spec: RunSpec, problem: ImageTensor, directory: Path) -> RunSpec:
    if problem.dataset in DATASETS:
        return spec
    path = typed(problem.dataset, "problem.dataset", directory)
    if not path.is_dir():
        raise BadSetting(
            f"problem.dataset {problem.dataset} is neither {', '.join(DATASETS)} nor a directory: name one of these",
            "problem.dataset",
        )
    missing = [name for name in IDX_FILES if not any((path / file).is_file() for file in (name, f"{name}.gz"))]
    if missing:
        raise BadSetting(
            f"problem.dataset {path} has no {missing[0]} or {missing[0]}.gz: put the four IDX files there",
            "problem.dataset",
        )
    raw = settings.encode(spec)
    raw["problem"] |= {"dataset": str(path)}
    return settings.decode(raw)


def held_out(n_entries: int, problem: Completion) -> tuple[int, int]:
    """How many of a file's entries are held out for testing, and for choosing the best step.

    Raises BadSetting where that leaves none to train on, or none where some are asked for.
    """
    counts = []
    for name in ("test_fraction", "validation_fraction"):
        fraction = getattr(problem, name) or 0.0
        count = round(n_entries * fraction)
        if fraction and count == 0:
            raise BadSetting(
                f"problem.{name} {fraction:g} of {n_entries} entries is less than one: raise it to at least "
                f"{1 / n_entries:.2g}",
                f"problem.{name}",
            )
        counts.append(count)
    if sum(counts) >= n_entries:
        raise BadSetting(
            f"problem.test_fraction {problem.test_fraction:g} of {n_entries} entries leaves none to train on: lower it",
            "problem.test_fraction",
        )
    return counts[0], counts[1]
