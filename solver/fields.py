"""The fields of a spec by dotted name: which there are for its kinds, their words and their defaults."""

from __future__ import annotations

import functools
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
        kind = next((kind for kind in MODELS if tag_of(kind) == model.get("kind")), None)
        if kind is not None and (kind.GOES_WITH or type(s.RunSpec().problem) not in kind.FITS):
            fitted = tag_of(kind.FITS[0])
            return goes_with(fitted) | {"problem": {"kind": fitted} | kind.GOES_WITH} | dict(raw)
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
    found = _types(struct).get(name or part)
    if isinstance(found, msgspec.inspect.LiteralType):
        return _literal_order(struct, name or part)
    return ["false", "true"] if isinstance(found, msgspec.inspect.BoolType) else []


@functools.cache
def _types(struct: type[s.Settings]) -> dict[str, msgspec.inspect.Type]:
    """What each field of a part is. Made once: a form asks for every field at every key."""
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.name: field.type for field in info.fields}


@functools.cache
def _literal_order(struct: type, name: str) -> list[str]:
    # msgspec sorts the values of a Literal; the annotation keeps the order they were written in.
    annotation = typing.get_type_hints(struct)[name]
    return [str(value) for value in typing.get_args(annotation)]


NOTHING = "none"
"""What a person types for a field that is to be left out, where a preset has set it."""


def may_be_nothing(raw: Mapping[str, Any], field: str) -> bool:
    """Whether a field may be left out; not where it is a word or a path, which may be called none."""
    part, _, name = field.partition(".")
    kind = _types(part_type(raw, part) if name else s.RunSpec).get(name or part)
    if not isinstance(kind, msgspec.inspect.UnionType):
        return False
    words = (msgspec.inspect.StrType, msgspec.inspect.LiteralType)
    kinds = [type(one) for one in kind.types]
    return msgspec.inspect.NoneType in kinds and not any(issubclass(one, words) for one in kinds)


def limits(raw: Mapping[str, Any], field: str) -> str:
    """What a field may be, as in *a whole number from 1 to 32*; nothing for words and for lists of lists."""
    part, _, name = field.partition(".")
    kind = _types(part_type(raw, part) if name else s.RunSpec).get(name or part)
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)]
        found = _limits(kinds[0]) if len(kinds) == 1 else ""
        return f"{found}, or nothing" if found else ""
    return _limits(kind)


def list_depth(raw: Mapping[str, Any], field: str) -> int:
    """0 where one value of a field is a number or word, 1 where it is a list of them, 2 where it is a list of lists."""
    part, _, name = field.partition(".")
    return _list_depth(_types(part_type(raw, part) if name else s.RunSpec).get(name or part))


def _list_depth(kind: msgspec.inspect.Type | None) -> int:
    if isinstance(kind, msgspec.inspect.UnionType):
        return max(_list_depth(one) for one in kind.types)
    if isinstance(kind, (msgspec.inspect.VarTupleType, msgspec.inspect.ListType)):
        return 1 + _list_depth(kind.item_type)
    if isinstance(kind, msgspec.inspect.TupleType):
        return 1 + max(_list_depth(one) for one in kind.item_types)
    return 0


# Upper ends that are there to keep infinity out, and no limit to anybody.
_NO_LIMIT = 1e12


def _limits(kind: msgspec.inspect.Type | None) -> str:
    if isinstance(kind, (msgspec.inspect.IntType, msgspec.inspect.FloatType)):
        return f"a {_number(kind)}"
    if isinstance(kind, msgspec.inspect.StrType) and kind.pattern:
        return "auto, cpu, cuda, cuda:N or cuda:N,M"
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return f"a list of {kind.min_length} to {kind.max_length} {_number(kind.item_type, 's')}"
    if isinstance(kind, msgspec.inspect.TupleType):
        return f"a list of {len(kind.item_types)} {_number(kind.item_types[0], 's')}"
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(kind.value_type, msgspec.inspect.DictType):
        return 'a table of settings by name, as in { deep = { "model.depth" = 4 } }'
    return ""


def _number(kind: msgspec.inspect.Type, plural: str = "") -> str:
    if not isinstance(kind, (msgspec.inspect.IntType, msgspec.inspect.FloatType)):
        return f"value{plural}"
    word = f"whole number{plural}" if isinstance(kind, msgspec.inspect.IntType) else f"number{plural}"
    if kind.ge is not None and kind.le is not None and abs(kind.ge) < _NO_LIMIT > kind.le:
        return f"{word} from {kind.ge:g} to {kind.le:g}"
    ends = (("of at least", kind.ge), ("above", kind.gt), ("of at most", kind.le), ("below", kind.lt))
    said = [f"{relation} {end:g}" for relation, end in ends if end is not None and abs(end) < _NO_LIMIT]
    return f"{word} {' and '.join(said)}" if said else word


def default(raw: Mapping[str, Any], field: str) -> Any:
    """The default of a field; None where it has none of its own."""
    part, _, name = re.sub(r"\[.*", "", field).partition(".")
    try:
        instance = part_type(raw, part)() if name else s.RunSpec()
        value = getattr(instance, name or part)
    except (AttributeError, KeyError, TypeError):
        return None
    return None if isinstance(value, (msgspec.Struct, dict)) else value
