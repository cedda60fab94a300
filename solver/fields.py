"""The fields of a spec by dotted name: which there are for its kinds, their words and their defaults."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from solver import spec as s
from solver.spec.base import kinds_of, tag_of
from solver.spec.models import MODELS
from solver.spec.problems import PROBLEMS

Raw = dict[str, Any]

_TYPES = typing.get_type_hints(s.RunSpec)
KINDS: dict[str, dict[str, type[s.Settings]]] = {
    part: {tag_of(kind): kind for kind in kinds_of(_TYPES[part])} for part in ("problem", "model", "optimizer")
}
"""The kinds of each part by the word for them, read from the unions of the spec."""
PARTS: dict[str, type[s.Settings]] = {"stop": s.Stop, "record": s.Record}


def names(raw: Mapping[str, Any]) -> list[str]:
    """The dotted names of every setting of the spec that ``raw`` makes, in the order of the types."""
    found = []
    for name in s.RunSpec.__struct_fields__:
        if name in KINDS:
            found.append(f"{name}.kind")
            found += [f"{name}.{field}" for field in part_type(raw, name).__struct_fields__]
        elif name in PARTS:
            found += [f"{name}.{field}" for field in PARTS[name].__struct_fields__]
        else:
            found.append(name)
    return found


def kind(raw: Mapping[str, Any], part: str) -> str:
    """The kind of ``raw``'s part, the default where it names none."""
    return tag_of(part_type(raw, part))


def goes_with(problem: str) -> dict[str, Raw]:
    """The parts that a kind of problem is fitted with where nothing else is said; none for an unknown one."""
    known = {tag_of(kind): kind.GOES_WITH for kind in PROBLEMS}
    return {part: dict(inner) for part, inner in known.get(problem, {}).items()}


def with_fitting_parts(raw: Mapping[str, Any]) -> Raw:
    """``raw`` with a model and optimizer that fit its kind of problem, where it names none; or the other way round."""
    problem, model = raw.get("problem"), raw.get("model")
    named = problem.get("kind") if isinstance(problem, Mapping) else None
    if problem is None and isinstance(model, Mapping):
        fits = next((kind.FITS for kind in MODELS if tag_of(kind) == model.get("kind")), ())
        if fits and type(s.RunSpec().problem) not in fits:
            return {"problem": {"kind": tag_of(fits[0])}} | dict(raw)
    return goes_with(str(named)) | dict(raw)


def part_type(raw: Mapping[str, Any], part: str) -> type[s.Settings]:
    """The type of ``raw``'s part, by its kind; the default kind where it names none or an unknown one."""
    if part in PARTS:
        return PARTS[part]
    default = getattr(s.RunSpec(), part)
    inner = raw.get(part)
    kind = inner.get("kind") if isinstance(inner, Mapping) else None
    return KINDS[part].get(str(kind), type(default))


def choices(raw: Mapping[str, Any], field: str) -> list[str]:
    """The words a field may be, in the order of the type; empty where it is not a choice."""
    part, _, name = field.partition(".")
    if name == "kind":
        return list(KINDS[part])
    struct = part_type(raw, part) if name else s.RunSpec
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    for candidate in info.fields:
        if candidate.name != (name or part):
            continue
        if isinstance(candidate.type, msgspec.inspect.LiteralType):
            return _literal_order(struct, candidate.name)
        if isinstance(candidate.type, msgspec.inspect.BoolType):
            return ["false", "true"]
    return []


def _literal_order(struct: type, name: str) -> list[str]:
    # msgspec sorts the values of a Literal; the annotation keeps the order they were written in.
    annotation = typing.get_type_hints(struct)[name]
    return [str(value) for value in typing.get_args(annotation)]


def default(raw: Mapping[str, Any], field: str) -> Any:
    """The default of a field; None where it has none of its own."""
    part, _, name = re.sub(r"\[.*", "", field).partition(".")
    try:
        instance = part_type(raw, part)() if name else s.RunSpec()
        value = getattr(instance, name or part)
    except (AttributeError, KeyError, TypeError):
        return None
    return None if isinstance(value, (msgspec.Struct, dict)) else value
