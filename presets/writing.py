"""Presets and settings written as TOML, and a person's own presets kept beside the built-in ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

import presets
from presets import Preset
from solver import files, settings, variants
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.spec import RunSpec

_LONGEST = 40
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{_LONGEST - 1}}}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PATHS = ("file", "ground_truth", "dataset")


def place(name: str) -> Path:
    """Where a person's preset of that name lies. Raises BadSetting for what is no name or a built-in one's."""
    if not _NAME.fullmatch(name):
        raise BadSetting(
            f"the name {name[:60]!r} must be 1 to 40 letters, digits, - or _ and begin with a letter or digit: "
            "choose another one",
            "name",
        )
    if name in presets.built_in():
        raise BadSetting(f"{name} is a built-in preset, which stays: choose another name", "name")
    return presets.own_directory() / f"{name}.toml"


def proposed(base: Preset) -> str:
    """A name for what ``base`` was changed to; that of a file has letters which a preset's may not."""
    return f"my-{re.sub(r'[^A-Za-z0-9_-]+', '-', base.name)}"[:_LONGEST].rstrip("-")


def save(path: Path, base: Preset, spec: RunSpec, raw: Raw, changes: str = "") -> None:
    """Writes a preset that runs ``raw``, of which ``spec`` was made, and says of itself what ``base`` does.

    Raises BadSetting where it cannot be written; what was there is unchanged then.
    """
    text = preset_toml(base, spec, raw, changes).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"{path} cannot be written ({reason}): nothing was saved") from None


def preset_toml(base: Preset, spec: RunSpec, raw: Raw, changes: str = "") -> str:
    """The file of a preset: what ``base`` says of itself, what is changed, and the settings.

    Another kind of problem is another experiment, of which ``base`` says nothing.
    """
    info = base.info(spec)
    is_same = info.title == base.title
    idea = f"As {base.name}, with {changes}." if changes else ""
    lines = [f"title = {_toml(info.title)}"]
    lines += [f"idea = {_toml(f'{idea} {base.idea}'.strip())}"] if is_same else []
    lines += [f"source = {_toml(base.source)}"] if is_same and base.source else []
    lines += [f"opens = {_toml(info.opens)}"] if info.opens else []
    lists: list[tuple[str, list[Any]]] = [
        ("look_for", [msgspec.to_builtins(one) for one in info.look_for]),
        ("claims", info.claims),
        ("results", [msgspec.to_builtins(one) for one in info.results]),
    ]
    for name, values in lists:
        if values:
            lines += [f"{name} = [", *(f"    {_inline(value)}," for value in values), "]"]
    lines += [f"foresees = {_inline(info.foresees)}"] if info.foresees else []
    return "\n".join([*lines, "", settings_toml(_with_whole_paths(spec, raw), "run")])


def settings_toml(raw: Raw, table: str = "") -> str:
    """Settings as TOML, in ``table`` where one is named. Raises BadSetting for a text that TOML cannot hold."""
    within = f"{table}." if table else ""
    lines = [f"[{table}]"] if table else []
    lines += [f"{name} = {_toml(value)}" for name, value in raw.items() if value is not None and not _is_table(value)]
    sweep = ", ".join(f"{_toml(field)} = {_toml(values)}" for field, values in raw.get("sweep", {}).items())
    lines += [f"sweep = {{ {sweep} }}"] if sweep else []
    for part, inner in raw.items():
        if _is_table(inner) and part not in ("sweep", "variants"):
            lines += ["", f"[{within}{part}]"]
            lines += [f"{name} = {_toml(value)}" for name, value in inner.items() if value is not None]
    for variant, changes in variants.of(raw).items():
        lines += ["", f"[{within}variants.{variant}]"]
        lines += [f"{_toml(field)} = {_toml(value)}" for field, value in changes.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def inline(value: Any) -> str:
    """A value on one line, tables within tables too."""
    if not _is_table(value):
        return _toml(value)
    inner = ", ".join(f"{_key(name)} = {inline(inner)}" for name, inner in value.items())
    return f"{{ {inner} }}" if inner else "{}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _inline(value: Any) -> str:
    """A table on one line, or any other value."""
    if not _is_table(value):
        return _toml(value)
    return "{ " + ", ".join(f"{_toml(name)} = {_toml(inner)}" for name, inner in value.items() if inner) + " }"


def _toml(value: Any) -> str:
    """JSON writes text and numbers as TOML does, but for the delete character."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    try:
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    except UnicodeEncodeError:
        shown = repr(value)[:60]
        raise BadSetting(f"{shown} has bytes that are no text, which TOML cannot hold: rename that file") from None


def _with_whole_paths(spec: RunSpec, raw: Raw) -> Raw:
    """``raw`` with its files named from the root: it is read from another directory."""
    problem = dict(raw.get("problem", {}))
    known = settings.encode(spec)["problem"]
    problem |= {name: known[name] for name in _PATHS if problem.get(name) and known.get(name)}
    return raw | {"problem": problem} if problem else raw
