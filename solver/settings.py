"""Changing settings by name, and refusing bad ones in one sentence: field, limit, cure."""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from solver import spec as s

Raw = dict[str, Any]

KINDS: dict[str, dict[str, type[s.Settings]]] = {
    "problem": {"matrix-completion": s.MatrixCompletion},
    "model": {"deep-matrix-factorization": s.DeepMatrixFactorization},
    "optimizer": {
        "gradient-flow": s.GradientFlow,
        "gradient-descent": s.GradientDescent,
        "group-rmsprop": s.GroupRMSprop,
        "adam": s.Adam,
    },
}
PARTS: dict[str, type[s.Settings]] = {"stop": s.Stop, "record": s.Record}

# Giving one of these replaces the random ground truth, so what describes that no longer applies.
_REPLACES_GROUND_TRUTH = ("problem.entries", "problem.file")
_OF_GROUND_TRUTH = ("rank", "observations", "frobenius_norm", "noise", "shape")


class BadSetting(ValueError):
    """A setting that is refused; the message is one sentence naming the field, the limit and the cure."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One trained factorization of a run."""

    index: int
    parameters: dict[str, Any]
    """Every swept field and the seed."""
    spec: s.RunSpec
    """The lane's own spec: no sweep, one seed."""


def decode(raw: Mapping[str, Any]) -> s.RunSpec:
    """The spec that ``raw`` (nested plain data) describes, with every lane of its sweep checked.

    Raises BadSetting.
    """
    spec = _convert(raw)
    for _ in lanes(spec):
        pass
    return spec


def encode(spec: s.RunSpec) -> Raw:
    """The spec as nested plain data, every field spelled out."""
    raw: Raw = msgspec.to_builtins(spec)
    return raw


def lanes(spec: s.RunSpec) -> list[Lane]:
    """The lanes of a run in order: the product of the sweep's lists, the last varying fastest, then the seeds.

    Raises BadSetting where a swept value is refused or there are more than MAX_LANES.
    """
    for field, values in spec.sweep.items():
        _check_swept(spec, field, values)
    total = spec.seeds
    for values in spec.sweep.values():
        total *= len(values)
    if total > s.MAX_LANES:
        raise BadSetting(
            f"sweep and seeds make {total} lanes, and a run holds at most {s.MAX_LANES}: shorten a list or lower seeds",
            "sweep",
        )
    base = encode(spec) | {"sweep": {}, "seeds": 1}
    result = []
    for index, (values, offset) in enumerate(
        itertools.product(itertools.product(*spec.sweep.values()), range(spec.seeds))
    ):
        swept = dict(zip(spec.sweep, values, strict=True))
        raw = base | {"seed": spec.seed + offset}
        for field in sorted(swept, key=_kinds_first):
            raw = with_value(raw, field, swept[field])
        result.append(Lane(index=index, parameters=swept | {"seed": spec.seed + offset}, spec=_convert(raw)))
    return result


def apply(
    raw: Mapping[str, Any], settings: Sequence[tuple[str, Any]] = (), sweeps: Sequence[tuple[str, list[Any]]] = ()
) -> Raw:
    """``raw`` with each (field, value) set and each (field, values) swept; kinds apply before fields.

    Setting a kind starts that part from its defaults and drops sweeps over it. Setting a swept field leaves a
    one-value sweep. Raises BadSetting for a field that does not exist.
    """
    result: Raw = msgspec.to_builtins(dict(raw))
    for field, value in sorted(settings, key=lambda item: _kinds_first(item[0])):
        sweep = result.get("sweep", {})
        if field.endswith(".kind"):
            part = field.removesuffix(".kind")
            result["sweep"] = {key: values for key, values in sweep.items() if not key.startswith(part + ".")}
            result = with_value(result, field, value)
        elif field in sweep:
            check_field(result, field)
            result["sweep"] = sweep | {field: [value]}
        else:
            result = with_value(result, field, value)
    for field, values in sweeps:
        check_field(result, field)
        result["sweep"] = result.get("sweep", {}) | {field: values}
    return result


def with_value(raw: Mapping[str, Any], field: str, value: Any) -> Raw:
    """``raw`` with one dotted field replaced; its ranges are checked later, by ``decode``."""
    check_field(raw, field)
    part, _, name = field.partition(".")
    if not name:
        return dict(raw) | {part: value}
    inner = dict(raw.get(part, {}))
    if name == "kind":
        # The same kind keeps what was set; another one starts from its defaults.
        if inner.get("kind") != value:
            inner = {}
    elif field in _REPLACES_GROUND_TRUTH and value is not None:
        inner = {key: kept for key, kept in inner.items() if key not in _OF_GROUND_TRUTH}
        inner |= {"entries": None, "file": None}
    if part in KINDS and name != "kind":
        inner = {"kind": kind(raw, part)} | inner
    inner[name] = value
    return dict(raw) | {part: inner}


def check_field(raw: Mapping[str, Any], field: str) -> None:
    """Raises BadSetting, with the nearest names, where ``field`` is not a field of the spec that ``raw`` makes."""
    names = fields(raw)
    if field in names:
        return
    part, _, name = field.partition(".")
    owners = [word for word, struct in KINDS.get(part, {}).items() if name in struct.__struct_fields__]
    if owners:
        kind = next(word for word, struct in KINDS[part].items() if struct is part_type(raw, part))
        raise BadSetting(
            f"{field} is a setting of {_choices(owners)}, and {part}.kind is {kind}: change the kind", field
        )
    close = difflib.get_close_matches(field, names, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "`implicit-tui schema spec` lists the fields"
    raise BadSetting(f"{field} is not a setting of this run: {hint}", field)


def fields(raw: Mapping[str, Any]) -> list[str]:
    """The dotted names of every setting of the spec that ``raw`` makes, in the order of the types."""
    names = []
    for name in s.RunSpec.__struct_fields__:
        if name in KINDS:
            names.append(f"{name}.kind")
            names += [f"{name}.{field}" for field in part_type(raw, name).__struct_fields__]
        elif name in PARTS:
            names += [f"{name}.{field}" for field in PARTS[name].__struct_fields__]
        else:
            names.append(name)
    return names


def kind(raw: Mapping[str, Any], part: str) -> str:
    """The kind of ``raw``'s part, the default where it names none."""
    struct = part_type(raw, part)
    return next(word for word, known in KINDS[part].items() if known is struct)


def part_type(raw: Mapping[str, Any], part: str) -> type[s.Settings]:
    """The type of ``raw``'s part, by its kind; the default kind where it names none or an unknown one."""
    if part in PARTS:
        return PARTS[part]
    default = getattr(s.RunSpec(), part)
    inner = raw.get(part)
    kind = inner.get("kind") if isinstance(inner, Mapping) else None
    return KINDS[part].get(str(kind), type(default))


def parse_assignment(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` as (field, value): the value is read as TOML, else as a comma list, else as a bare word."""
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise BadSetting(f"{text!r} is not KEY=VALUE: write for example model.depth=3")
    return field.strip(), parse_value(value.strip())


def parse_sweep(text: str) -> tuple[str, list[Any]]:
    """``KEY=V1,V2,…`` as (field, values)."""
    field, value = parse_assignment(text)
    return field, value if isinstance(value, list) else [value]


def parse_value(text: str) -> Any:
    """One value as typed by a person: TOML, a comma list of values, or a bare word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        pass
    pieces = list(_split_commas(text))
    return [parse_value(piece) for piece in pieces] if len(pieces) > 1 else text


def _split_commas(text: str) -> Iterator[str]:
    level = start = 0
    for position, character in enumerate(text):
        level += (character in "[{") - (character in "]}")
        if character == "," and level == 0:
            yield text[start:position].strip()
            start = position + 1
    yield text[start:].strip()


def _kinds_first(field: str) -> int:
    if field.endswith(".kind"):
        return 0
    return 1 if field in _REPLACES_GROUND_TRUTH else 2


def _check_swept(spec: s.RunSpec, field: str, values: list[Any]) -> None:
    if field in ("sweep", "seed", "seeds", "device", "threads", "dtype") or field.split(".")[0] in PARTS:
        cure = "set seeds to run several" if field.startswith("seed") else "set it for the whole run"
        raise BadSetting(f"sweep cannot go over {field}, which belongs to the whole run: {cure}", "sweep")
    check_field(encode(spec), field)
    if not values:
        raise BadSetting(f"the sweep over {field} is empty: give at least one value", field)
    if any(value in values[:position] for position, value in enumerate(values)):
        raise BadSetting(f"the sweep over {field} has a value twice: keep each once", field)


def _convert(raw: Mapping[str, Any]) -> s.RunSpec:
    try:
        return msgspec.convert(raw, s.RunSpec)
    except msgspec.ValidationError as error:
        raise _sentence(str(error), raw) from None


def _sentence(message: str, raw: Mapping[str, Any]) -> BadSetting:
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
        return BadSetting(f"{field}.kind is missing: choose {_choices(list(KINDS[field]))}", field)
    if field.endswith(".kind") and "Invalid value" in said:
        return BadSetting(f"{field} must be {_choices(list(KINDS[field.split('.')[0]]))}{got}", field)
    limit = _limit(said, raw, field)
    if limit is None:
        # A cross-field rule of the types: already a sentence, at the part it concerns.
        where = f"{field}.{said}" if field else said
        concerned = where.split(" ", 1)[0]
        return BadSetting(where, concerned if concerned in fields(raw) else field)
    default = _default(raw, field)
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
    bound = re.match(r"Expected `(int|float)` (>=|>|<=|<) ([-+.e\d]+)", said)
    if bound:
        number = float(bound[3])
        if bound[1] == "float" and abs(number) >= 1e100:
            return "a finite number"
        relation = {">=": "of at least", ">": "above", "<=": "of at most", "<": "below"}[bound[2]]
        shown = f"{int(number)}" if bound[1] == "int" else f"{number:g}"
        return f"{_TYPES[bound[1]]} {relation} {shown}"
    length = re.match(r"Expected `array` of length (\d+)", said)
    if length:
        return f"a list of {length[1]} values"
    expected = re.match(r"Expected `(.*?)`(?:, got|$)", said)
    if expected:
        names = [_TYPES.get(name.strip(), name.strip()) for name in expected[1].split("|")]
        return _choices([name for name in names if name != "empty"])
    if "Invalid enum value" in said:
        return _choices(choices(raw, field))
    if "matching regex" in said:
        return "auto, cpu, cuda or cuda:N"
    return None


def choices(raw: Mapping[str, Any], field: str) -> list[str]:
    """The words a field may be, in the order of the type; empty where it is not a choice."""
    part, _, name = field.partition(".")
    if name == "kind":
        return list(KINDS[part])
    struct = part_type(raw, part) if name else s.RunSpec
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    for candidate in info.fields:
        if candidate.name == (name or part) and isinstance(candidate.type, msgspec.inspect.LiteralType):
            return _literal_order(struct, candidate.name)
    return []


def _literal_order(struct: type, name: str) -> list[str]:
    # msgspec sorts the values of a Literal; the annotation keeps the order they were written in.
    import typing

    annotation = typing.get_type_hints(struct)[name]
    return [str(value) for value in typing.get_args(annotation)]


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


def _default(raw: Mapping[str, Any], field: str) -> Any:
    part, _, name = re.sub(r"\[.*", "", field).partition(".")
    try:
        instance = part_type(raw, part)() if name else s.RunSpec()
        default = getattr(instance, name or part)
    except (AttributeError, KeyError, TypeError):
        return None
    return None if isinstance(default, (msgspec.Struct, dict)) else default


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
