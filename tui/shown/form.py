"""The settings as a form shows them: each field as text, and what is said beside it."""

from __future__ import annotations

import textwrap
from typing import Any

import msgspec

from solver import fields, schema, settings, sources
from solver.fields import Raw
from solver.spec import RunSpec


def lanes(spec: RunSpec, n_lanes: int) -> str:
    """How many lanes, and the lists whose product they are."""
    lists = [f"{len(values)} {field.rpartition('.')[2].replace('_', ' ')}" for field, values in spec.sweep.items()]
    lists += [f"{spec.seeds} seeds"] * (spec.seeds > 1)
    told = "1 lane" if n_lanes == 1 else f"{n_lanes} lanes"
    return f"{told} = {' × '.join(lists)}" if len(lists) > 1 else told


def value(field: str, raw: Raw) -> str:
    """What stands in a field: the swept values, the setting, or nothing where the default serves."""
    swept = raw.get("sweep", {}).get(field)
    if swept is not None:
        return ", ".join(_text(value) for value in swept)
    part, _, name = field.partition(".")
    if name == "kind":
        return fields.kind(raw, part)
    found = raw.get(part, {}).get(name) if name else raw.get(part)
    return "" if found is None else _text(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_text(item) for item in value)
        return f"[{inner}]"
    return str(value)


def default(field: str, raw: Raw) -> str:
    """What serves where a field is left empty; nothing where that depends on other fields."""
    part, _, name = field.partition(".")
    if name == "kind":
        return fields.kind({}, part)
    found = getattr(fields.part_type(raw, part)() if name else RunSpec(), name or part)
    return "" if found is None else _text(found)


def same(field: str, raw: Raw, one: str, other: str) -> bool:
    """Whether two texts set a field to the same: 1e-3 and 0.001, or nothing and the default."""
    one, other = (text or default(field, raw) for text in (one, other))
    return one == other or settings.parse_value(one) == settings.parse_value(other)


def of_kinds(base: Raw, raw: Raw) -> Raw:
    """``base`` with the kinds of ``raw``; a part of another kind has that kind's defaults."""
    kinds = [(part, fields.kind(raw, part)) for part in fields.KINDS]
    # Setting a kind drops sweeps over its part, where it is the same one, too.
    return settings.apply(base, [(f"{part}.kind", kind) for part, kind in kinds if kind != fields.kind(base, part)])


def with_part_of(base: Raw, raw: Raw, part: str) -> Raw:
    """``raw`` with the kind of a part as in ``base``, and with all that ``base`` says of what this changes.

    A problem of another kind brings its model along.
    """
    found = settings.apply(raw, [(f"{part}.kind", fields.kind(base, part))])
    changed = [one for one in fields.KINDS if fields.kind(found, one) != fields.kind(raw, one)]
    for one in changed:
        if one in base and fields.kind(found, one) == fields.kind(base, one):
            found[one] = base[one]
    sweep = {field: values for field, values in base.get("sweep", {}).items() if field.partition(".")[0] in changed}
    return found | {"sweep": found.get("sweep", {}) | sweep}


def is_nested(field: str, value: list[Any]) -> bool:
    """Whether a list field holds several lists, which sweeps it: shape = [2, 2], [3, 3]."""
    return (
        field in ("problem.shape", "problem.spectrum") and bool(value) and all(isinstance(item, list) for item in value)
    )


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What is said beside a field."""

    field: str
    meaning: str
    facts: list[str]
    """Its limits or choices, its default, what the preset says, and the papers that are named."""

    def whole(self) -> str:
        """Paragraph by paragraph."""
        return "\n\n".join([self.field, self.meaning, *self.facts])

    def fitted(self, width: int, lines: int) -> str:
        """On so many lines, with a sign where it is cut."""
        said = " · ".join([f"{self.field}: {self.meaning.removesuffix('.')}", *self.facts])
        return "\n".join(textwrap.wrap(said, max(width, 8), max_lines=lines, placeholder=" …"))


def explanation(field: str, raw: Raw, there: str) -> Explanation:
    """What a field means and may be; ``there`` is what stands in it in the preset."""
    part, _, name = field.partition(".")
    facts: list[str] = []
    if name == "kind":
        meaning = "Another kind starts from its own defaults."
        for word, kind in fields.KINDS[part].items():
            facts.append(f"{word}: {' '.join((kind.__doc__ or '').partition('.')[0].split())}")
    else:
        owner = fields.part_type(raw, part).__name__ if name else RunSpec.__name__
        meaning = schema.settings_notes().get((owner, name or part), "")
        words = fields.choices(raw, field)
        limits = ", ".join(words) if words else fields.limits(raw, field)
        facts += [f"{'choices' if words else 'limits'}: {limits}"] * bool(limits)
    serves = default(field, raw)
    if there and there != serves:
        facts.append(f"preset: {there}")
    if serves:
        facts.append(f"{'default' if there != serves else 'preset and default'}: {serves}")
    named = sources.named_in(" ".join([meaning, *facts]))
    return Explanation(field=field, meaning=meaning, facts=facts + [f"{one.key}: {one.whole()}" for one in named])
