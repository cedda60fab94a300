"""Refusing bad input: one sentence that names the field, the limit and the cure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from solver import fields, sources


class BadSetting(ValueError):
    """A setting that is refused; the message is one sentence naming the field, the limit and the cure."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def check_field(raw: Mapping[str, Any], field: str) -> None:
    """Raises BadSetting, with the nearest names, where ``field`` is not a field of the spec that ``raw`` makes."""
    known = fields.names(raw)
    if field in known:
        return
    part, _, name = field.partition(".")
    owners = [word for word, struct in fields.KINDS.get(part, {}).items() if name in struct.__struct_fields__]
    if owners:
        kind = fields.kind(raw, part)
        raise BadSetting(
            f"{field} is a setting of {_choices(owners)}, and {part}.kind is {kind}: change the kind", field
        )
    close = difflib.get_close_matches(field, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "`implicit-tui schema spec` lists the fields"
    raise BadSetting(f"{field} is not a setting of this run: {hint}", field)


def sentence(message: str, raw: Mapping[str, Any]) -> BadSetting:
    """The message of msgspec as a sentence with the field, what it got, the limit and the cure."""
    said, _, path = message.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    field = re.sub(r"\[\.\.\.\]", "", field)
    unknown = re.search(r"unknown field `(.*)`", said)
    if unknown:
        name = f"{field}.{unknown[1]}" if field else unknown[1]
        try:
            check_field(raw, name)
        except BadSetting as refused:
            return refused
    value, found = _lookup(raw, field)
    got = f", not {_short(value)}" if found else ""
    if "missing required field `kind`" in said:
        return BadSetting(f"{field}.kind is missing: choose {_choices(list(fields.KINDS[field]))}", field)
    if field.endswith(".kind") and "Invalid value" in said:
        return BadSetting(f"{field} must be {_choices(list(fields.KINDS[field.split('.')[0]]))}{got}", field)
    limit = _limit(said, raw, field)
    if limit is None:
        # A cross-field rule of the types: already a sentence, at the part it concerns.
        where = sources.explained(f"{field}.{said}" if field else said)
        concerned = where.split(" ", 1)[0]
        return BadSetting(where, concerned if concerned in fields.names(raw) else field)
    default = fields.default(raw, field)
    cure = "; leave it out for its default" if default is None else f"; its default is {_short(default)}"
    return BadSetting(f"{field or 'the spec'} must be {limit}{got}{cure}", field)


_TYPES = {
    "int": "a whole number",
    "float": "a finite number",
    "str": "a word",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "empty",
}


def _limit(said: str, raw: Mapping[str, Any], field: str) -> str | None:
    number_bound = re.match(r"Expected `(int|float)` (>=|>|<=|<) ([-+.e\d]+)", said)
    if number_bound:
        number = float(number_bound[3])
        if number_bound[1] == "float" and abs(number) >= 1e100:
            return "a finite number"
        relation = {">=": "of at least", ">": "above", "<=": "of at most", "<": "below"}[number_bound[2]]
        shown = number_bound[3] if number_bound[1] == "int" else f"{number:g}"
        return f"{_TYPES[number_bound[1]]} {relation} {shown}"
    length = re.match(r"Expected `array` of length (>=|<=)? ?(\d+)", said)
    if length:
        bound = {">=": "at least ", "<=": "at most "}.get(length[1], "")
        return f"a list of {bound}{length[2]} values"
    expected = re.match(r"Expected `(.*?)`(?:, got|$)", said)
    if expected:
        names = [_TYPES.get(name.strip(), name.strip()) for name in expected[1].split("|")]
        return _choices([name for name in names if name != "empty"])
    if "Invalid enum value" in said:
        return _choices(fields.choices(raw, field))
    if "matching regex" in said:
        return "auto, cpu, cuda, cuda:N or cuda:N,M"
    return None


def _choices(words: Sequence[str]) -> str:
    if len(words) <= 1:
        return "".join(words)
    return ", ".join(words[:-1]) + " or " + words[-1]


def _lookup(raw: Any, field: str) -> tuple[Any, bool]:
    value = raw
    for piece in re.findall(r"[^.\[\]]+", field):
        try:
            value = value[int(piece)] if isinstance(value, (list, tuple)) else value[piece]
        except (KeyError, IndexError, TypeError, ValueError):
            return None, False
    return value, bool(field)


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
