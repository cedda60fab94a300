"""docs/reproduction.md: its sections in order, the runs that each is made of, and the page with one of them anew."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping

from reproduction.autoencoders import autoencoders
from reproduction.hierarchical import hierarchical
from reproduction.kept import on_gpu
from reproduction.sections import Histories, components, counterexample, dynamics, images, recovery, tensors
from solver.version import VERSION

SECTIONS: dict[str, tuple[Callable[[Histories], str], tuple[str, ...]]] = {
    "recovery": (recovery, ("recovery", "authors", "robust")),
    "dynamics": (dynamics, ("dynamics",)),
    "counterexample": (counterexample, ("2x2", "2x2 tight")),
    "tensors": (tensors, ("order-3", "order-3 rule", "order-3 rule, 50", "order-3 flow", "order-4")),
    "components": (components, ("components",)),
    "hierarchical": (hierarchical, ("hierarchical", "kinds")),
    "images": (images, ("mnist",)),
    "gpu": (on_gpu, ()),
    "autoencoders": (autoencoders, ("codes",)),
}
"""By name, what writes a section and the runs that it reads."""


def document(histories: Histories, seconds: float) -> str:
    """The whole page."""
    head = f"""# The published numbers, side by side

Written by `make reproduction` (implicit-tui {VERSION}, Python {platform.python_version()}, {seconds / 60:.0f} minutes on two
cores). Several draws are given as the median with the smallest and the largest in brackets. Every run is a preset with
settings that `reproduction/settings.py` names, so each can be run, watched and changed in the app. What differs is marked as
**the draw** (another random ground truth, mask or start), **the method**, **the unit**, **the length** or **the class**.
"""
    return "\n".join([head, *(write(histories) for write, _ in SECTIONS.values())])


def with_sections(page: str, anew: Mapping[str, str]) -> str:
    """``page`` with sections of these names in the place of those that stood there, or before what follows them."""
    head, *sections = re.split(r"(?m)^(?=## )", page)
    places = {_heading(section): section for section in sections}
    headings = list(places)
    names = list(SECTIONS)
    for name, text in anew.items():
        same = next((one for one in headings if _key(one) == _key(_heading(text))), None)
        if same is not None:
            places[same] = text
            continue
        place = min(names.index(name), len(headings))
        headings.insert(place, _heading(text))
        places[headings[place]] = text
    return head + "\n".join(places[one].rstrip("\n") + "\n" for one in headings)


def _heading(section: str) -> str:
    return section.partition("\n")[0]


def _key(heading: str) -> str:
    """What a section is known by, whatever the settings behind its colon."""
    return heading.partition(":")[0]
