"""What a person has set for the app: config.toml under the configuration directory."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

import presets
from presets import Size
from solver import files, schema, settings
from solver.fields import Raw
from solver.refusal import BadSetting
from tui.draw.canvas import Marker
from tui.draw.paper import Width
from tui.keys import ACTIONS, Keys

FramesPerSecond = Annotated[float, Meta(ge=0.5, le=30.0)]
Desktop = Literal["none", "osc9", "osc777"]


class Defaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What new runs begin with where neither the preset nor an option says otherwise."""

    size: Size = "default"
    """How much work a preset makes of it: quick, default or paper."""
    device: str | None = None
    """auto, cpu, cuda, cuda:N or cuda:N,M."""
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None
    """Threads of a matrix product."""


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the end of a run is told, besides in the picture."""

    bell: bool = False
    """Whether the terminal's bell rings."""
    desktop: Desktop = "none"
    """What makes the terminal notify the desktop: none, osc9 (iTerm2, kitty, WezTerm, …) or osc777 (foot, urxvt, …)."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that config.toml may say; each line may be left out."""

    theme: str = ""
    """One of Textual's themes; empty takes one that fits the terminal."""
    markers: Marker = "braille"
    """What curves are drawn with: braille, block or ascii."""
    frames_per_s: FramesPerSecond = 10.0
    """How often a picture changes at most."""
    frames_per_s_over_ssh: FramesPerSecond = 5.0
    """The same where the terminal is far away."""
    figure_width: Width = "talk"
    """How wide exported charts are: talk, or column for one column of a paper."""
    title: bool = True
    """Whether the terminal's title says how far a run is."""
    notify: Notify = Notify()
    """How the end of a run is told, besides in the picture."""
    defaults: Defaults = Defaults()
    """What new runs begin with."""
    keys: dict[str, str] = {}
    """Keys by action, as in pause = "space,p"."""

    def with_defaults(self, raw: Raw) -> Raw:
        """Settings of a new run with the device and threads that are set here, where they say nothing of them."""
        found = dict(raw)
        for field in ("device", "threads"):
            value = getattr(self.defaults, field)
            if value is not None:
                found.setdefault(field, value)
        return found


def path() -> Path:
    """Where the file is looked for, beside a person's own presets."""
    return presets.own_directory().parent / "config.toml"


def read(file: Path | None = None) -> Config:
    """The configuration in ``file``, else in the person's own, else as it is without one.

    Raises BadSetting, with one sentence that names the line or field and its limits.
    """
    file = path() if file is None else file
    try:
        data = tomllib.loads(files.read_whole(file, presets.MOST_BYTES).decode("utf-8-sig"))
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise BadSetting(f"{file} cannot be read ({(error.strerror or '').lower()}): check its permissions") from None
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"{file} is not valid TOML ({str(error)[:200]}): correct that place") from None
    try:
        config = msgspec.convert(data, Config)
    except msgspec.ValidationError as error:
        raise BadSetting(f"{file}: {_sentence(str(error))}") from None
    try:
        Keys(config.keys)
        if config.defaults.device is not None:
            settings.decode({"device": config.defaults.device})
    except BadSetting as error:
        raise BadSetting(f"{file}: {error}", error.field) from None
    return config


def check_theme(config: Config, file: Path) -> None:
    """Raises BadSetting, naming what there is, for a theme that Textual does not have."""
    from textual.theme import BUILTIN_THEMES

    if config.theme and config.theme not in BUILTIN_THEMES:
        raise BadSetting(
            f"{file}: there is no theme {config.theme!r}, choose from {', '.join(BUILTIN_THEMES)}", "theme"
        )


_LIMITS = {
    "theme": "the name of one of Textual's themes",
    "markers": "braille, block or ascii",
    "frames_per_s": "a number from 0.5 to 30",
    "frames_per_s_over_ssh": "a number from 0.5 to 30",
    "figure_width": "talk or column",
    "title": "true or false",
    "notify": f"a table of {', '.join(Notify.__struct_fields__)}",
    "notify.bell": "true or false",
    "notify.desktop": "none, osc9 or osc777",
    "defaults": f"a table of {', '.join(Defaults.__struct_fields__)}",
    "defaults.size": "quick, default or paper",
    "defaults.device": "auto, cpu, cuda, cuda:N or cuda:N,M",
    "defaults.threads": "a whole number from 1 to 256",
    "keys": "a table of keys by action",
}


def _sentence(error: str) -> str:
    """What msgspec said, with the field and its limits."""
    said, _, where = error.partition(" - at ")
    place = where.strip("`").removeprefix("$").removeprefix(".")
    if "unknown field" in said:
        lines = {"defaults": Defaults, "notify": Notify}.get(place, Config).__struct_fields__
        unknown = said.rpartition("unknown field ")[2].strip("`")
        return f"there is no line {unknown}{f' in {place}' if place else ''}, choose from {', '.join(lines)}"
    if place.startswith("keys["):
        return 'each line of keys must be text, as in pause = "space,p"'
    return f"{place} must be {_LIMITS.get(place, 'text')}"


def as_toml(config: Config) -> str:
    """The configuration as a file that says it, every line with its meaning."""
    notes = schema.field_notes(sys.modules[__name__])
    lines: list[str] = []
    for name in ("theme", "markers", "frames_per_s", "frames_per_s_over_ssh", "figure_width", "title"):
        lines += [f"# {notes['Config', name]}", f"{name} = {_toml(getattr(config, name))}", ""]
    for table in (config.notify, config.defaults):
        kind = type(table).__name__
        lines += [f"# {notes['Config', kind.lower()]}", f"[{kind.lower()}]"]
        for name in table.__struct_fields__:
            value = getattr(table, name)
            lines += [f"# {notes[kind, name]}", f"{'# ' * (value is None)}{name} = {_toml(value)}"]
        lines += [""]
    lines += ["# Keys by action; a comma gives an action several.", "[keys]"]
    own = Keys(config.keys)
    lines += [f"{action.id} = {_toml(own.keys(action))}" for action in ACTIONS if not action.fixed]
    return "\n".join(lines) + "\n"


def _toml(value: str | float | None) -> str:
    """JSON writes strings and numbers as TOML does."""
    return msgspec.json.encode("" if value is None else value).decode()
