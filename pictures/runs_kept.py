"""The runs that the pictures show: trained once, kept small beside them, and laid out again as run directories."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

import presets
from solver import client
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory

RUNS = Path(__file__).parent.parent / "docs" / "screens" / "runs"
SIZE: presets.Size = "quick"
# In the order in which they are listed: the last is the newest.
PRESETS = ("mnist-rank", "tf-components", "det-2x2", "mf-dynamics", "mf-depth")
# What a solver leaves to go on with, or to say that it is there, shows nowhere.
_KEPT = ("spec.json", "run.json", "problem.npz", "log.jsonl")
# The same bytes from the same run, whoever packs it and when.
_MTIME = 1_767_225_600


def path(preset: str) -> Path:
    """Where the run of a preset is kept."""
    return RUNS / f"{preset}.tar.xz"


def asked(preset: str) -> Order:
    """What a solver is asked for today."""
    return presets.order_of(preset, SIZE)


def stale(preset: str) -> str:
    """Why the run that is kept is not the one that would be trained today; empty where it is."""
    if not path(preset).exists():
        return f"no run of {preset} is kept"
    with tempfile.TemporaryDirectory() as home:
        try:
            there = _laid_out(preset, Path(home)).order()
        except BadSetting as error:
            return str(error)
    now = asked(preset)
    if there.spec != now.spec:
        return f"the kept run of {preset} has other settings than the preset at size {SIZE} has now"
    if there.preset.claims != now.preset.claims:
        return f"the kept run of {preset} was judged by other claims than the preset has now"
    return ""


def train(wanted: Sequence[str]) -> None:
    """Trains these presets, one process a core, and keeps what they recorded. Raises RuntimeError if one fails."""
    home = Path(tempfile.mkdtemp(prefix="implicit-tui-pictures-"))
    try:
        ran = client.run_all([asked(preset) for preset in wanted], home)
        for preset, (directory, _) in zip(wanted, ran, strict=True):
            outcome = directory.outcome()
            if outcome is None or outcome.kind in ("diverged", "failed"):
                raise RuntimeError(f"{preset}: {outcome.sentence() if outcome else 'the solver was killed'}")
            _pack(directory, path(preset))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _pack(directory: RunDirectory, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for name in _KEPT:
            data = (directory.path / name).read_bytes()
            entry = tarfile.TarInfo(f"{directory.id}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), _MTIME, 0o600
            archive.addfile(entry, io.BytesIO(data))


def unpack(preset: str, home: Path) -> RunDirectory:
    """The run of a preset as a directory in ``home``, which remembers of the preset what it says today."""
    there = _laid_out(preset, home)
    order = msgspec.structs.replace(there.order(), preset=asked(preset).preset)
    (there.path / "spec.json").write_bytes(msgspec.json.encode(order))
    return there


def _laid_out(preset: str, home: Path) -> RunDirectory:
    with tarfile.open(path(preset), "r:xz") as archive:
        name = archive.getnames()[0].partition("/")[0]
        archive.extractall(home, filter="data")
    return RunDirectory(home / name)
