"""The settings as a form shows them: each field as text, and what is said beside it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import msgspec

from presets import writing
from solver import fields, paths, schema, settings, sources, variants
from solver.data_files import DATASETS, TABLES
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.spec import RunSpec

_PATHS = ("problem.file", "problem.ground_truth", "problem.dataset")


def lanes(spec: RunSpec, n_lanes: int) -> str:
    """How many lanes, and the lists whose product they are."""
    lists = [f"{len(spec.variants)} variants"] * (len(spec.variants) > 1)
    lists += [f"{len(values)} {field.rpartition('.')[2].replace('_', ' ')}" for field, values in spec.sweep.items()]
    lists += [f"{spec.seeds} seeds"] * (spec.seeds > 1)
    told = "1 lane" if n_lanes == 1 else f"{n_lanes} lanes"
    n_pairs = math.prod([max(1, len(spec.variants)), spec.seeds, *(len(values) for values in spec.sweep.values())])
    # Lanes of a kind that lacks a swept field go without it, and are fewer.
    return f"{told} {'=' if n_pairs == n_lanes else 'of'} {' × '.join(lists)}" if len(lists) > 1 else told


def rows(raw: Raw) -> list[tuple[str, str]]:
    """The fields in the order of the form, each with the heading it stands under.

    What only other kinds have, among those of lanes, follows the part's own fields, under those kinds.
    """
    others = variants.fields_of_other_kinds(raw)
    sections: dict[str, list[str]] = {}
    for field in fields.names(raw):
        part, _, name = field.partition(".")
        if field == f"{part}.kind":
            sections[part] = []
            sections |= {_heading(one, kinds): [] for one, kinds in others.items() if one.startswith(f"{part}.")}
        if field != "sweep":
            sections.setdefault(part if name else "run", []).append(field)
    for field, kinds in others.items():
        sections[_heading(field, kinds)].append(field)
    return [(heading, field) for heading, section in sections.items() for field in section]


def _heading(field: str, kinds: list[str]) -> str:
    return f"{field.partition('.')[0]} of {', '.join(kinds)}"


def value(field: str, raw: Raw) -> str:
    """What stands in a field: the swept values, the setting, or nothing where the default serves; variants as TOML."""
    if field == "variants":
        known = _variants(raw) or raw.get(field)
        return writing.inline(known) if known else ""
    swept = raw.get("sweep", {}).get(field)
    if swept is not None:
        return ", ".join(_text(value) for value in swept)
    part, _, name = field.partition(".")
    if name == "kind":
        return fields.kind(raw, part)
    found = raw.get(part, {}).get(name) if name else raw.get(part)
    return "" if found is None else _text(found)


def _variants(raw: Raw) -> variants.Variants:
    """The variants; none where what stands there, in a file say, is refused."""
    try:
        return variants.of(raw)
    except BadSetting:
        return {}


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
    """What serves where a field is left empty; nothing where that depends on other fields or on the kind."""
    part, _, name = field.partition(".")
    if name == "kind":
        return fields.kind({}, part)
    kinds = variants.fields_of_other_kinds(raw).get(field)
    if kinds:
        (found, *others) = (default(field, _of_kind(part, kind)) for kind in kinds)
        return found if all(other == found for other in others) else ""
    value = fields.default(raw, field)
    return "" if value is None else _text(value)


def _of_kind(part: str, kind: str) -> Raw:
    return {part: {"kind": kind}}


def words(field: str, raw: Raw) -> list[str]:
    """The words of which one is chosen there; none where it is typed, as what is no such word is, and a list."""
    known = fields.choices(raw, field)
    is_list_of_kinds = field.endswith(".kind") and field in raw.get("sweep", {})
    return known if (value(field, raw) or default(field, raw)) in known and not is_list_of_kinds else []


def begun(field: str, raw: Raw) -> str:
    """What a field begins with: what stands there, or of words the default."""
    return value(field, raw) or (default(field, raw) if words(field, raw) else "")


def collected(typed: Mapping[str, str], raw: Raw) -> Raw:
    """The settings of what is typed in the fields of the form that ``raw`` made. Raises BadSetting."""
    given = [field for field, text in typed.items() if text and field in settings.REPLACES]
    replaced = {field for one in given for field in settings.REPLACES[one]}
    plain: list[tuple[str, Any]] = []
    sweeps: list[tuple[str, list[Any]]] = []
    for field, text in typed.items():
        untouched = text == value(field, raw)
        if not text or (untouched and field in replaced):
            # As own data take the place of a random ground truth: what the preset says of that is let go.
            continue
        found: Any = text if field in _PATHS else settings.parse_value(text)
        if field == "variants":
            plain.append((field, variants.read(found)))
            continue
        if field in _PATHS and text not in (*DATASETS, *TABLES) and not untouched:
            found = str(paths.typed(text, field))
        values = swept(field, raw, found)
        if values is None:
            plain.append((field, found))
            continue
        sweeps.append((field, values))
        if field.endswith(".kind"):
            # Where kinds are swept, the fields of the part are those of its own one.
            plain.append((field, fields.kind(raw, field.partition(".")[0])))
    # What was swept before keeps its order, which is that of the lanes.
    known = list(raw.get("sweep", {}))
    sweeps.sort(key=lambda one: known.index(one[0]) if one[0] in known else len(known))
    return settings.apply({}, plain, sweeps)


def same(field: str, raw: Raw, one: str, other: str) -> bool:
    """Whether two texts set a field to the same: 1e-3 and 0.001, or nothing and the default."""
    one, other = (text or default(field, raw) for text in (one, other))
    return one == other or settings.parse_value(one) == settings.parse_value(other)


def of_kinds(base: Raw, raw: Raw) -> Raw:
    """``base`` with the kinds of ``raw``; a part of another kind has that kind's defaults."""
    kinds = [(part, fields.kind(raw, part)) for part in fields.KINDS]
    # Setting a kind drops sweeps over its part, where it is the same one, too.
    for part, kind in kinds:
        if kind != fields.kind(base, part):
            base = with_kind(base, f"{part}.kind", kind)
    return base


def with_kind(raw: Raw, field: str, kind: Any) -> Raw:
    """``raw`` with another kind of a part; variants stand in a field of their own, and keep theirs."""
    own = {name: inner for name, inner in raw.items() if name != "variants"}
    return settings.apply(own, [(field, kind)]) | {name: raw[name] for name in raw.keys() & {"variants"}}


def with_variants(raw: Raw, text: str) -> Raw | None:
    """``raw`` with the variants that are typed; None where they are none."""
    try:
        return raw | {"variants": variants.read(settings.parse_value(text) if text else {})}
    except BadSetting:
        return None


def with_part_of(base: Raw, raw: Raw, part: str) -> Raw:
    """``raw`` with the kind of a part as in ``base``, and with all that ``base`` says of what this changes.

    A problem of another kind brings its model along.
    """
    found = with_kind(raw, f"{part}.kind", fields.kind(base, part))
    changed = [one for one in fields.KINDS if fields.kind(found, one) != fields.kind(raw, one)]
    for one in changed:
        if one in base and fields.kind(found, one) == fields.kind(base, one):
            found[one] = base[one]
    parts = {part, *changed}
    sweep = {field: values for field, values in base.get("sweep", {}).items() if field.partition(".")[0] in parts}
    found["sweep"] = found.get("sweep", {}) | sweep
    if part not in changed:
        # The same kind, but other lists: what is swept beside them stays as it is.
        known = {*fields.names(found), *variants.fields_of_other_kinds(found)} - {f"{part}.kind"}
        found["sweep"] |= {field: values for field, values in raw.get("sweep", {}).items() if field in known}
    return found


def with_kinds(raw: Raw, field: str, value: Any) -> Raw | None:
    """``raw`` with a list of kinds, or one, for those of a part that it has; None where a word is no kind.

    The part's own kind stays where it is among them, and is the first of them otherwise.
    """
    part = field.partition(".")[0]
    words = value if isinstance(value, list) else [value]
    if not words or not all(word in fields.KINDS[part] for word in words):
        return None
    own = fields.kind(raw, part)
    sweep = {name: values for name, values in raw.get("sweep", {}).items() if name != field}
    inner = raw.get(part, {"kind": own}) if own in words else {"kind": words[0]}
    return raw | {part: inner, "sweep": sweep | ({field: words} if len(words) > 1 else {})}


def swept(field: str, raw: Raw, value: Any) -> list[Any] | None:
    """What a field is swept over where ``value`` stands in it; None where that is one value for all lanes.

    Several lists sweep a field of lists: shape = [2, 2], [3, 3]. A field that only other kinds have is always swept.
    """
    kinds = variants.fields_of_other_kinds(raw).get(field)
    depth = fields.list_depth(_of_kind(field.partition(".")[0], kinds[0]) if kinds else raw, field)
    several = isinstance(value, list) and bool(value)
    if several and (depth == 0 or (depth == 1 and all(isinstance(item, list) for item in value))):
        return list(value)
    # A list of one value stays one: lanes are named by it, and a kind swept so need not be the part's own.
    is_kept = raw.get("sweep", {}).get(field) == [value]
    return [value] if kinds or is_kept else None


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
    kinds = variants.fields_of_other_kinds(raw).get(field, [])
    if kinds:
        each = {kind: explanation(field, _of_kind(part, kind), "") for kind in kinds}
        lanes = " or ".join(kinds)
        meaning = f"Of the lanes whose {part}.kind is {lanes}: one value or several, or its default where left empty."
        facts += [f"{kind}: {' · '.join([one.meaning.removesuffix('.'), *one.facts])}" for kind, one in each.items()]
        facts += [f"preset: {there}"] * bool(there)
        return Explanation(field=field, meaning=meaning, facts=facts)
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
        varied = [f"{one} {_text(known[field])}" for one, known in _variants(raw).items() if field in known]
        facts += [f"in variants: {', '.join(varied)}"] * bool(varied)
    serves = default(field, raw)
    if there and there != serves:
        facts.append(f"preset: {there}")
    if serves:
        facts.append(f"{'default' if there != serves else 'preset and default'}: {serves}")
    named = sources.named_in(" ".join([meaning, *facts]))
    return Explanation(field=field, meaning=meaning, facts=facts + [f"{one.key}: {one.whole()}" for one in named])
