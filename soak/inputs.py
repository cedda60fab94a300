"""What comes from outside: settings that cannot be, damaged runs, files with code in them, claims that raise."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import presets
from soak.promise import Promise, Tried
from soak.trial_runs import made, solver
from solver import history, runs, settings
from solver.claims import CLAIMS
from solver.claims.claim import witnesses_of
from solver.numerics import checkpoint, problem_file
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.commands.runs import summary

BAD: list[tuple[str, dict[str, Any]]] = [
    ("mf-depth", {"problem.observations": 10_001}),
    ("mf-depth", {"problem.observations": 0}),
    ("mf-depth", {"problem.rank": 101}),
    ("mf-depth", {"problem.rank": -1}),
    ("mf-depth", {"problem.shape": [0, 4]}),
    ("mf-depth", {"problem.shape": [4]}),
    ("mf-depth", {"problem.shape": [1e9, 1e9]}),
    ("mf-depth", {"problem.noise": -0.1}),
    ("mf-depth", {"problem.noise": float("nan")}),
    ("mf-depth", {"problem.entries": [[0, 0, float("nan")]]}),
    ("mf-depth", {"problem.entries": [[0, 0, 1.0], [0, 0, 2.0]]}),
    ("mf-depth", {"problem.file": "/nowhere/ratings.csv"}),
    ("mf-depth", {"problem.file": "/dev/zero"}),
    ("mf-depth", {"problem.file": "/"}),
    ("mf-depth", {"problem.ground_truth": "/dev/zero"}),
    ("mf-depth", {"problem.spectrum": [1.0, 2.0]}),
    ("mf-depth", {"problem.condition_number": float("inf")}),
    ("mf-depth", {"problem.mask": "block", "problem.missing_share": 0.999999}),
    ("mf-depth", {"problem.symmetric": True, "problem.shape": [40, 50]}),
    ("mf-depth", {"model.kind": "symmetric-matrix-factorization"}),
    ("mf-depth", {"problem.test_fraction": 1.5}),
    ("mf-depth", {"problem.no_such_field": 1}),
    ("mf-depth", {"problem.kind": "poem"}),
    ("mf-depth", {"model.depth": 0}),
    ("mf-depth", {"model.depth": 2.5}),
    ("mf-depth", {"model.init_scale": 0.0}),
    ("mf-depth", {"model.init_scale": float("inf")}),
    ("mf-depth", {"model.init": "random"}),
    ("mf-depth", {"model.det_sign": "positive", "problem.shape": [3, 4]}),
    ("mf-depth", {"model.kind": "cp"}),
    ("mf-depth", {"optimizer.kind": "gradient-descent", "optimizer.step_size": -1.0}),
    ("mf-depth", {"optimizer.kind": "gradient-descent", "optimizer.step_size": float("nan")}),
    ("mf-depth", {"optimizer.kind": "gradient-descent", "optimizer.step_size": float("inf")}),
    ("mf-depth", {"optimizer.rtol": 0.0}),
    ("mf-depth", {"optimizer.rtol": 1e-13, "dtype": "float32"}),
    ("mf-depth", {"stop.max_steps": 0}),
    ("mf-depth", {"stop.max_seconds": -3.0}),
    ("mf-depth", {"stop.train_loss": -1.0}),
    ("mf-depth", {"seed": -1}),
    ("mf-depth", {"seed": 2**70}),
    ("mf-depth", {"seeds": 0}),
    ("mf-depth", {"device": "abacus"}),
    ("mf-depth", {"threads": 0}),
    ("tf-rank", {"problem.shape": [4]}),
    ("tf-rank", {"model.components": 0}),
    ("mnist-rank", {"problem.train_images": 70_001}),
    ("mnist-rank", {"problem.positive_class": 10}),
]


def bad_input(trials: int, home: Path, generator: random.Random) -> Tried:
    """Each is refused in one sentence, and no run is made."""
    tried = Tried()
    chosen = BAD if trials >= len(BAD) else generator.sample(BAD, trials)
    for name, changes in chosen:
        said = ""
        try:
            order = presets.order_of(name, "quick", changes)
            _read_data(order.spec)
        except BadSetting as error:
            said = str(error)
        except Exception as error:
            said = f"Traceback: {error!r}"
        holds = bool(said) and "\n" not in said and "Traceback" not in said and len(said) < 400
        tried.that(holds, f"{name} with {changes}: {said or 'not refused'}")
    left = [path.name for path in home.iterdir()]
    tried.that(not left, f"runs were made: {left}")
    return tried


def _read_data(spec: Any) -> None:
    """What is only known once the data are looked at, as the solver looks at them before its first step."""
    from solver import estimate, machine

    refused = estimate.refusal(spec, machine.free_memory())
    if refused is not None:
        raise BadSetting(refused)
    problem_file.build(settings.lanes(spec)[:1])


def _nothing(run: RunDirectory) -> None:
    run.spec.write_bytes(b"")


def _directory(run: RunDirectory) -> None:
    run.spec.unlink()
    run.spec.mkdir()


def _loop(run: RunDirectory) -> None:
    run.spec.unlink()
    run.spec.symlink_to(run.spec.name)


def _pipes(run: RunDirectory) -> None:
    for path in (run.spec, run.notes, run.log, run.run, run.lock):
        path.unlink(missing_ok=True)
        os.mkfifo(path)


def _nested(run: RunDirectory) -> None:
    for path in (run.spec, run.run, run.notes):
        path.write_text("[" * 100_000, encoding="ascii")


def _gone(run: RunDirectory) -> None:
    run.spec.unlink()


def _newer(run: RunDirectory) -> None:
    run.spec.write_text('{"format":"implicit-tui/spec","version":99}', encoding="ascii")


def _garbage(run: RunDirectory) -> None:
    for path in (run.spec, run.log, run.run, run.lock, run.checkpoint):
        path.write_bytes(os.urandom(3000))


DAMAGES = (_nothing, _directory, _loop, _pipes, _nested, _gone, _newer, _garbage)


def one_bad_run(trials: int, home: Path, generator: random.Random) -> Tried:
    """Twenty runs, one damaged in each way: nineteen are listed as usual."""
    tried = Tried()
    with _data_home(home):
        whole = made(home / "runs", "counterexample")
        for _ in range(19):
            shutil.copytree(whole.path, whole.path.with_name(f"{whole.id}-{generator.randrange(10**9):09d}"))
        for damage in DAMAGES[: trials or None]:
            run = generator.choice(runs.list_runs())
            kept = home / "kept"
            shutil.copytree(run.path, kept)
            damage(run)
            listed = [str(summary(one)["state"]) for one in runs.list_runs()]
            states = {state: listed.count(state) for state in set(listed)}
            holds = states == {"damaged": 1, "not started": 19}
            tried.that(holds, f"{damage.__name__.strip('_')}: listed as {states}")
            shutil.rmtree(run.path)
            kept.rename(run.path)
    return tried


@contextlib.contextmanager
def _data_home(home: Path) -> Iterator[None]:
    before = os.environ.get("IMPLICIT_TUI_HOME")
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["IMPLICIT_TUI_HOME"]
        else:
            os.environ["IMPLICIT_TUI_HOME"] = before


class _Code:
    """Makes a directory where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._path),)


def no_code(trials: int, home: Path, generator: random.Random) -> Tried:
    """Pickles that would act, in the place of a checkpoint with a right checksum and of problem.npz."""
    tried = Tried()
    directory = made(home, "counterexample")
    solver(directory).wait()
    lanes = settings.lanes(directory.order().spec)
    for trial in range(trials):
        acted = home / f"acted-{trial}-{generator.randrange(10**9)}"
        payload = pickle.dumps({"batches": [_Code(acted)]}, protocol=2)
        length, crc = len(payload).to_bytes(8, "little"), zlib.crc32(payload).to_bytes(4, "little")
        directory.checkpoint.write_bytes(b"implicit-tui checkpoint 1\n" + length + payload + crc)
        with contextlib.suppress(Exception):
            checkpoint.load(directory)
        tried.that(not acted.exists(), f"trial {trial}: a checkpoint has run code")
        with directory.problem.open("wb") as file:
            np.savez(file, allow_pickle=True, **{"0.values": np.array([_Code(acted)], dtype=object)})
        refused = ""
        try:
            problem_file.read(directory, lanes)
        except BadSetting as error:
            refused = str(error)
        tried.that(bool(refused) and not acted.exists(), f"trial {trial}: problem.npz was read, or has run code")
    return tried


def claims_that_raise(trials: int, home: Path, generator: random.Random) -> Tried:
    """An error in the statistic of each claim, on a run that has recorded something."""
    tried = Tried()
    directory = made(home, "gradient flow")
    solver(directory).wait()
    witnesses = witnesses_of(history.read(directory.log), settings.lanes(directory.order().spec))
    errors = (ZeroDivisionError("division by zero"), KeyError("series"), OverflowError(), RecursionError("too deep"))
    names = list(CLAIMS) if not trials else generator.sample(list(CLAIMS), trials)
    for name in names:
        for error in errors:

            def measure(_: object, error: Exception = error) -> None:
                raise error

            broken = msgspec.structs.replace(CLAIMS[name], measure=measure)
            try:
                judged = broken.judge(witnesses, at_end=True)
                holds = judged.verdict == "not-applicable" and type(error).__name__ in judged.text
            except Exception as raised:
                holds, judged = False, raised  # type: ignore[assignment]
            tried.that(holds, f"{name} with {error!r}: {judged}")
    return tried


PROMISES = [
    Promise(
        name="bad-input",
        text="A setting that cannot be is refused in one sentence, and no run is made.",
        full=len(BAD),
        few=8,
        attempt=bad_input,
    ),
    Promise(
        name="one-bad-run",
        text="One damaged run among twenty, in eight ways: nineteen are listed as usual, and one is marked.",
        full=0,
        few=len(DAMAGES),
        attempt=one_bad_run,
    ),
    Promise(
        name="no-code",
        text="No code runs from a file: pickles in a checkpoint and in problem.npz are refused.",
        full=20,
        few=1,
        attempt=no_code,
    ),
    Promise(
        name="claims",
        text="An error in a claim is that claim's verdict, in words; it ends no run.",
        full=0,
        few=2,
        attempt=claims_that_raise,
    ),
]
