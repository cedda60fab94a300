"""The presets: one TOML file an experiment, the built-in ones beside this file and a person's own."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from presets import own_data
from solver import claims, data_files, expected, fields, files, paths, settings
from solver.expected import LookFor, Result
from solver.fields import Raw
from solver.paths import typed
from solver.refusal import BadSetting
from solver.rundir import DETACHED_LIMIT_S, Order, PresetInfo
from solver.spec import RunSpec
from solver.spec.base import tag_of

Size = Literal["quick", "default", "paper"]
MOST_BYTES = 1 << 26
# The order of the talk: matrices, the counterexample, tensors, images; then what goes beyond it.
_ORDER = (
    "mf-depth",
    "mf-dynamics",
    "low-rank-recovery",
    "det-2x2",
    "diagonal-2x2",
    "tf-rank",
    "tf-components",
    "tf-rank-1",
    "htf-components",
    "three-factorizations",
    "mnist-rank",
    "fashion-rank",
    "mnist-complexity",
    "irmae",
    "greedy-rank",
    "sharpness",
    "phase-map",
    "ratings",
)
SIZES: tuple[Size, ...] = ("quick", "default", "paper")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str = ""
    idea: str = ""
    source: str = ""
    look_for: list[LookFor | str] = []
    claims: list[str] = []
    results: list[Result] = []
    opens: str = ""
    foresees: dict[str, str] = {}
    run: dict[str, Any]
    quick: dict[str, Any] = {}
    paper: dict[str, Any] = {}


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment: what it shows, and its settings as plain data."""

    name: str
    path: Path
    title: str
    idea: str
    """Two sentences."""
    source: str
    look_for: list[LookFor]
    claims: list[str]
    raw: Raw
    """The run's settings at the default size."""
    changes: dict[Size, dict[str, Any]]
    """What the other sizes change, by dotted field."""
    results: list[Result] = []
    opens: str = ""
    foresees: dict[str, str] = {}

    def at_size(self, size: Size) -> Raw:
        """The settings of a size as plain data. Raises BadSetting."""
        changes = self.changes.get(size, {})
        sweeps = {k.removeprefix("sweep."): v for k, v in changes.items() if k.startswith("sweep.")}
        plain = {k: v for k, v in changes.items() if not k.startswith("sweep.")}
        return settings.apply(self.raw, list(plain.items()), list(sweeps.items()))

    def decode(self, raw: Raw) -> RunSpec:
        """The spec that ``raw`` makes; a file in it is read and found from the preset's directory.

        Raises BadSetting.
        """
        return data_files.settle(settings.decode(raw), self.path.parent)

    def info(self, spec: RunSpec | None = None) -> PresetInfo:
        """What a run remembers of its preset; with another kind of problem it is another experiment, without claims."""
        if spec is not None:
            kind = tag_of(type(spec.problem))
            if fields.goes_with(kind) != fields.goes_with(fields.kind(self.raw, "problem")):
                return PresetInfo(name=self.name, title=f"{self.name} with {kind}")
        return PresetInfo(
            name=self.name,
            title=self.title,
            idea=self.idea,
            source=self.source,
            claims=self.claims,
            look_for=list(self.look_for),
            results=self.results,
            opens=self.opens,
            foresees=self.foresees,
        )

    def order(
        self,
        spec: RunSpec,
        *,
        export: Path | None = None,
        detached_limit_s: float = DETACHED_LIMIT_S,
        cluster: str | None = None,
    ) -> Order:
        """What a solver is asked for: a run of ``spec`` that remembers the preset, made now."""
        return Order(
            spec=spec,
            preset=self.info(spec),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            export=None if export is None else str(export),
            detached_limit_s=detached_limit_s,
            cluster=cluster,
        )


def order_of(
    name: str, size: Size = "default", changes: Mapping[str, Any] = {}, sweeps: Mapping[str, list[Any]] = {}
) -> Order:
    """What a solver is asked for: a preset at a size, with some settings changed or swept. Raises BadSetting."""
    preset = load(name)
    raw = settings.apply(preset.at_size(size), list(changes.items()), list(sweeps.items()))
    return preset.order(preset.decode(raw))


def from_here(field: str, value: object) -> object:
    """A path that is given beside a preset is meant from the working directory; one in its TOML file from that file."""
    shipped: dict[str, tuple[str, ...]] = {
        "problem.file": data_files.TABLES,
        "problem.ground_truth": (),
        "problem.dataset": data_files.DATASETS,
    }
    is_path = field in shipped and value not in shipped[field]
    return str(typed(value, field)) if is_path and isinstance(value, str) else value


def built_in_directory() -> Path:
    return Path(__file__).parent


def own_directory() -> Path:
    """Where a person's presets are looked for: presets/ under the configuration directory."""
    return paths.own_directory("config") / "presets"


def names() -> dict[str, Path]:
    """Files by preset name, the built-in ones first; a person's own of the same name takes its place."""
    found: dict[str, Path] = {}
    for directory in (built_in_directory(), own_directory()):
        if directory.is_dir():
            found |= {path.stem: path for path in sorted(directory.glob("*.toml"), key=_place)}
    return found


def _place(path: Path) -> tuple[int, str]:
    return (_ORDER.index(path.stem) if path.stem in _ORDER else len(_ORDER), path.stem)


def built_in() -> list[str]:
    """Names of the presets that ship with the package."""
    return [path.stem for path in sorted(built_in_directory().glob("*.toml"), key=_place)]


def load(name: str) -> Preset:
    """The preset called ``name``, or the one in the TOML file ``name``; or one for a person's own data in that file.

    Raises BadSetting.
    """
    known = names()
    if name in known:
        return read(known[name])
    path = typed(name, "the preset")
    if path.suffix == ".toml" or path.is_dir() or (path.exists() and _is_toml(path)):
        return read(path)
    if path.exists():
        return _of_data(path)
    listed = ", ".join(known)
    raise BadSetting(f"there is no preset or file {name!r}: the presets are {listed}")


def _is_toml(path: Path) -> bool:
    """Whether a file with another suffix is a preset all the same."""
    try:
        return "run" in tomllib.loads(files.read_whole(path, MOST_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False


def _of_data(path: Path) -> Preset:
    """A person's own file of entries."""
    return Preset(
        # With its suffix: no preset is called so.
        name=path.name,
        path=path.absolute(),
        title=f"{path.name}, an own file",
        idea="Entries of a file, some held out to judge by and others to choose the best step by. "
        "What a deep product finds first is shared by rows and columns, and what it fits last is noise.",
        source="your own data",
        look_for=own_data.LOOK_FOR,
        claims=[],
        raw=own_data.raw(path),
        changes={},
        opens="held_out_error",
        foresees={"patience": "the validation error no longer improved"},
    )


def of_run(order: Order) -> Preset:
    """The preset that a run was made from; where its file is gone, as far as the run remembers it."""
    info = order.preset
    path = names().get(info.name, Path.cwd() / f"{info.name}.toml")
    try:
        return read(path)
    except BadSetting:
        return Preset(
            name=info.name,
            path=path,
            title=info.title,
            idea=info.idea,
            source=info.source,
            look_for=[LookFor(say=one) if isinstance(one, str) else one for one in info.look_for],
            claims=info.claims,
            raw=settings.encode(order.spec),
            changes={},
            results=info.results,
            opens=info.opens,
            foresees=info.foresees,
        )


def read(path: Path) -> Preset:
    """The preset in a TOML file. Raises BadSetting, with one sentence, for anything that is not one."""
    try:
        # A mark at the beginning is how some editors say that a file is UTF-8.
        data = tomllib.loads(files.read_whole(path, MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"{path} cannot be read ({reason}): check the path") from None
    except (ValueError, RecursionError) as error:
        said = str(error)[:200]
        raise BadSetting(f"{path} is not valid TOML ({said}): correct that place") from None
    try:
        file = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at ")
        place = f" at {where.strip('`').removeprefix('$.')}" if where else ""
        raise BadSetting(
            f"{path.name} is not a preset ({said}{place}): `implicit-tui show mf-depth` prints one to copy"
        ) from None
    claims.check(file.claims, path.name)
    look_for = [LookFor(say=one) if isinstance(one, str) else one for one in file.look_for]
    expected.check(look_for, file.results, file.claims, path.name)
    return Preset(
        name=path.stem,
        path=path.absolute(),
        title=file.title or path.stem,
        idea=" ".join(file.idea.split()),
        source=file.source,
        look_for=look_for,
        claims=file.claims,
        raw=file.run,
        changes={"quick": file.quick, "paper": file.paper},
        results=file.results,
        opens=file.opens,
        foresees=file.foresees,
    )
