"""What there is a picture of: a screen, how to get there, and the sizes and themes it is drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from pictures.runs_kept import PRESETS

Begin = Literal["home", "run", "settings", "runs", "export"]

SIZES = ((80, 24), (120, 40), (200, 60))
THEMES = {"dark": "textual-dark", "light": "textual-light"}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A screen, and the keys that are pressed on it."""

    name: str
    begin: Begin = "run"
    preset: str = "mf-depth"
    keys: tuple[str, ...] = ()


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A scene in one size and theme."""

    scene: Scene
    size: tuple[int, int]
    theme: str

    @property
    def file_name(self) -> str:
        return f"{self.scene.name}-{self.size[0]}x{self.size[1]}-{self.theme}.svg"


SCENES = (
    *(Scene(name=preset, preset=preset) for preset in PRESETS),
    Scene(name="claims", keys=("5",)),
    Scene(name="claim", keys=("i",)),
    Scene(name="law", keys=("6",)),
    Scene(name="matrix", keys=("7",)),
    Scene(name="components", preset="mnist-rank", keys=("7",)),
    Scene(name="home", begin="home"),
    Scene(name="settings", begin="settings"),
    Scene(name="runs", begin="runs"),
    Scene(name="compare", keys=("c",)),
    Scene(name="export", begin="export"),
    Scene(name="help", keys=("question_mark",)),
    Scene(name="finder", keys=("slash", *"rank")),
    Scene(name="lanes", keys=("L",)),
    Scene(name="look-for", keys=("slash", *"look", "enter")),
    Scene(name="words", keys=("f4",)),
)


def pictures() -> Iterator[Picture]:
    """All of them."""
    for scene in SCENES:
        for size in SIZES:
            for theme in THEMES:
                yield Picture(scene=scene, size=size, theme=theme)
