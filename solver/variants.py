"""Variants: named sets of settings, each with lanes of its own, and the kinds that they bring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from solver import fields
from solver.fields import KINDS, NOTHING, PARTS, Raw
from solver.refusal import BadSetting

Variants = dict[str, dict[str, Any]]
"""By name, the settings of each by dotted field."""

NAMED = "variant"
"""What tells the lanes of a variant apart, among the swept fields and the seed."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,23}")
OF_THE_RUN = ("seed", "seeds", "device", "threads", "dtype", "sweep", "variants")
"""What lanes have in common, besides when they end and what is recorded."""
_EXAMPLE = '{ shallow = { "model.depth" = 2 }, deep = { "model.depth" = 3 } }'


def of(raw: Mapping[str, Any]) -> Variants:
    """The variants of ``raw``, with tables in them as dotted fields. Raises BadSetting."""
    return read(raw.get("variants") or {})


def read(given: Any) -> Variants:
    """Variants as a person writes them: the field depth of a table model is model.depth. Raises BadSetting."""
    if not isinstance(given, Mapping) or not all(isinstance(changes, Mapping) for changes in given.values()):
        raise BadSetting(f"variants must be a table of tables, as in {_EXAMPLE}, not {given!r:.60}", "variants")
    for name in given:
        if not _NAME.fullmatch(str(name)):
            raise BadSetting(
                f"the variant {str(name)[:60]!r} must be called by 1 to 24 letters, digits, - or _, the first a letter "
                "or digit: choose another name",
                "variants",
            )
    return {str(name): _flat(changes, "") for name, changes in given.items()}


def _flat(changes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in changes.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{field}.")
        else:
            # TOML has no word for what is left out.
            found[f"{prefix}{field}"] = NOTHING if value is None else value
    return found


def check(known: Variants, swept: Mapping[str, Any], own_data: tuple[str, ...]) -> None:
    """Raises BadSetting where a variant sets what belongs to the whole run, what is swept, or a person's own data."""
    for name, changes in known.items():
        for field in changes:
            if field in OF_THE_RUN or field.split(".")[0] in PARTS:
                raise refusal(name, f"{field} belongs to the whole run: set it there")
            if field in swept:
                raise refusal(name, f"{field} is set here and swept: keep one of the two")
            if field in own_data:
                raise refusal(name, f"{field} cannot be set for some lanes: make a run of each")


def refusal(name: str, sentence: str) -> BadSetting:
    """The sentence with the variant that it is about."""
    return BadSetting(f"variant {name}: {sentence}", "variants")


def kind(raw: Mapping[str, Any], changes: Mapping[str, Any], part: str) -> str:
    """The kind of a part in lanes of a variant: its own, or one that its kind of problem brings along."""
    before, problem = fields.kind(raw, "problem"), str(changes.get("problem.kind"))
    brought: Raw = {}
    if "problem.kind" in changes and fields.goes_with(problem) != fields.goes_with(before):
        brought = fields.goes_with(problem).get(part, {})
    return str(changes.get(f"{part}.kind") or brought.get("kind") or fields.kind(raw, part))


def kinds(raw: Mapping[str, Any], part: str) -> list[str]:
    """The kinds of a part that variants have, each once; of another part than of several kinds none."""
    if part not in KINDS:
        return []
    try:
        known = of(raw)
    except BadSetting:
        # What stands there may be anything until it is checked.
        return []
    return list(dict.fromkeys(kind(raw, changes, part) for changes in known.values()))


def with_value(raw: Raw, field: str, value: Any) -> Raw:
    """``raw`` with a field set in each variant that sets it, or whose other kind of the part has it."""
    new = {field: NOTHING if value is None else value}
    found = {
        name: changes | new if field in changes or _is_of_another_kind(raw, changes, field) else changes
        for name, changes in of(raw).items()
    }
    return raw | {"variants": found}


def _is_of_another_kind(raw: Raw, changes: Mapping[str, Any], field: str) -> bool:
    """Whether lanes of a variant have a field in a part that is of another kind than ``raw``'s own."""
    part, _, name = field.partition(".")
    if part not in KINDS:
        return False
    own = kind(raw, changes, part)
    return own != fields.kind(raw, part) and own in KINDS[part] and name in KINDS[part][own].__struct_fields__


def have(raw: Mapping[str, Any], field: str) -> bool:
    """Whether lanes of some variant have a field."""
    part, _, name = field.partition(".")
    known = KINDS.get(part, {})
    return any(word in known and name in known[word].__struct_fields__ for word in kinds(raw, part))


def fields_of_other_kinds(raw: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields that other kinds of lanes have and ``raw``'s own lack, each with the kinds that have it."""
    found: dict[str, list[str]] = {}
    sweep = raw.get("sweep", {})
    for part, known in KINDS.items():
        own = fields.part_type(raw, part).__struct_fields__
        swept = list(sweep.get(f"{part}.kind", [])) if isinstance(sweep, Mapping) else []
        others = swept + kinds(raw, part)
        for word, struct in known.items():
            for name in struct.__struct_fields__:
                if word in others and name not in own:
                    found.setdefault(f"{part}.{name}", []).append(word)
    return found


def changed(raw: Raw, field: str, value: Any) -> Raw:
    """``raw`` with all variants, one of them (variants.NAME), or a field of one (variants.NAME.model.depth) set."""
    _, _, rest = field.partition(".")
    name, _, inner = rest.partition(".")
    is_nothing = value is None or value == NOTHING
    if not name:
        return raw | {"variants": {} if is_nothing else read(value)}
    known = of(raw)
    if inner:
        new = read({name: {inner: value}})
        return raw | {"variants": known | {name: known.get(name, {}) | new[name]}}
    if is_nothing:
        if name not in known:
            there = ", ".join(known) or "none"
            raise BadSetting(f"there is no variant {name[:60]} to leave out: there are {there}", "variants")
        return raw | {"variants": {one: changes for one, changes in known.items() if one != name}}
    return raw | {"variants": known | read({name: value})}
