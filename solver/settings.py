"""Settings by name: changing them, reading them as a person types them, and the lanes they make."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from solver import fields
from solver import spec as s
from solver import variants as v
from solver.fields import KINDS, PARTS, Raw
from solver.refusal import BadSetting, check_field, sentence

# A person's own data: the random ground truth no longer applies, nor does what describes it.
_OWN_DATA = ("entries", "file", "ground_truth")
_OF_TRUTH = ("shape", "rank", "frobenius_norm", "spectrum", "condition_number", "symmetric", "ht_rank")
_OF_OBSERVATIONS = ("observations", "noise", "mask")
_OF_FILE, _OF_HELD_OUT = s.Completion.OF_FILE, s.Completion.OF_HELD_OUT


def _of_problem(*names: str) -> tuple[str, ...]:
    return tuple(f"problem.{name}" for name in names)


REPLACES: dict[str, tuple[str, ...]] = {
    "problem.entries": _of_problem(*_OF_TRUTH, *_OF_OBSERVATIONS, *_OF_FILE, *_OF_HELD_OUT, "file", "ground_truth"),
    "problem.file": _of_problem(*_OF_TRUTH, *_OF_OBSERVATIONS, *_OF_FILE, "entries", "ground_truth"),
    "problem.ground_truth": _of_problem(*_OF_TRUTH, *_OF_FILE, *_OF_HELD_OUT, "entries", "file"),
    "problem.spectrum": ("problem.rank", "problem.frobenius_norm", "problem.condition_number"),
    "problem.condition_number": ("problem.spectrum",),
    "problem.ht_rank": ("problem.rank",),
}
"""What is let go where a field is set, unless it is set beside it."""
# What TOML does not take for a number and a person does: .2, 3., 007.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DEEPEST_LIST = 4
_LONGEST_NUMBER = 400


class LaneSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One trained factorization of a run."""

    index: int
    parameters: dict[str, Any]
    """The variant, every swept field and the seed."""
    spec: s.RunSpec
    """The lane's own spec: no variants, no sweep, one seed."""


def decode(raw: Mapping[str, Any]) -> s.RunSpec:
    """The spec that ``raw`` (nested plain data) describes, with every lane of its variants and sweep checked.

    Raises BadSetting.
    """
    if raw.get("variants"):
        raw = dict(raw) | {"variants": v.of(raw)}
    try:
        spec = _convert(raw)
    except BadSetting as refused:
        # The value of a field that is swept, set or its default, need not fit the others: no lane has it.
        spec = _convert(_with_first_values(raw)) if not raw.get("variants") else _of_variants(raw, refused)
    for _ in lanes(spec):
        pass
    return spec


def _of_variants(raw: Mapping[str, Any], refused: BadSetting) -> s.RunSpec:
    """The spec of settings that do not fit by themselves, and do in every variant.

    What all variants set is as the first of them has it, since no lane has it otherwise. Raises BadSetting.
    """
    known = v.of(raw)
    first, *others = known.values()
    common = [(field, value) for field, value in first.items() if all(field in changes for changes in others)]
    base = fields.with_fitting_parts({name: value for name, value in raw.items() if name != "variants"})
    kept = {"sweep": raw.get("sweep", {}), "variants": known}
    try:
        spec = _convert(_with_first_values(apply(base, common) | kept))
    except BadSetting:
        raise refused from None
    # A kind that all variants set and the first alone keeps has taken what the others were to start from.
    meant = [lane.spec for lane in _lanes(base, spec)]
    if meant != [lane.spec for lane in lanes(spec)]:
        raise refused
    return spec


def _with_first_values(raw: Mapping[str, Any]) -> Raw:
    """``raw`` with the first swept value in each field that is swept."""
    result, known = dict(raw), fields.names(raw)
    sweep = raw.get("sweep")
    for field, values in sweep.items() if isinstance(sweep, Mapping) else ():
        part, _, name = str(field).partition(".")
        inner = result.get(part, {})
        # What only another swept kind has is no field of this part.
        is_own = name != "kind" and field in known
        if name and is_own and isinstance(inner, Mapping) and isinstance(values, list) and values:
            # A part that is left to its defaults has a kind too.
            kind = {"kind": fields.kind(raw, part)} if part in KINDS else {}
            result[part] = kind | dict(inner) | {name: values[0]}
    return result


def encode(spec: s.RunSpec) -> Raw:
    """The spec as nested plain data, every field spelled out."""
    raw: Raw = msgspec.to_builtins(spec)
    return raw


def lanes(spec: s.RunSpec) -> list[LaneSpec]:
    """The lanes of a run in order: by variant the product of the sweep's lists, the last varying fastest, then seeds.

    Where kinds differ, a lane goes without the swept fields that its own kind does not have, and lanes that are the
    same then are one. Raises BadSetting where a variant or a swept value is refused or there are more than MAX_LANES.
    """
    return _lanes(encode(spec), spec)


def _lanes(base: Raw, spec: s.RunSpec) -> list[LaneSpec]:
    """The lanes of ``base``, with the sweep, seeds and variants of ``spec``."""
    known = v.read(spec.variants)
    v.check(known, spec.sweep, _of_problem(*_OWN_DATA))
    for field, values in spec.sweep.items():
        _check_swept(spec, field, values)
    total = spec.seeds * max(1, len(known))
    for values in spec.sweep.values():
        total *= len(values)
    if total > s.MAX_LANES:
        raise BadSetting(
            f"{'variants, ' if known else ''}sweep and seeds make {total} lanes, and a run holds at most "
            f"{s.MAX_LANES}: shorten a list or lower seeds",
            "sweep",
        )
    base = base | {"sweep": {}, "seeds": 1, "variants": {}}
    if not known:
        return list(_of_sweep(base, spec, {}, 0))
    result: list[LaneSpec] = []
    first_of: list[tuple[list[s.RunSpec], str]] = []
    for name, changes in known.items():
        try:
            varied = apply(base, list(changes.items())) | {"sweep": {}}
            own = list(_of_sweep(varied, spec, {v.NAMED: name}, len(result)))
        except BadSetting as error:
            if error.field in spec.sweep:
                raise BadSetting(f"variant {name}: {error}", error.field) from None
            raise v.refusal(name, str(error)) from None
        specs = [lane.spec for lane in own]
        same = next((other for others, other in first_of if others == specs), None)
        if same is not None:
            raise BadSetting(f"the variants {same} and {name} have the same settings: keep one of them", "variants")
        first_of.append((specs, name))
        result += own
    return result


def _of_sweep(base: Raw, spec: s.RunSpec, named: dict[str, str], index: int) -> Iterator[LaneSpec]:
    """The lanes of one variant, from ``index`` on."""
    known: list[dict[str, Any]] = []
    for values, offset in itertools.product(itertools.product(*spec.sweep.values()), range(spec.seeds)):
        swept = dict(zip(spec.sweep, values, strict=True))
        raw = base | {"seed": spec.seed + offset}
        for field in sorted(swept, key=_kinds_first):
            if _is_of_another_kind(spec, raw, field):
                del swept[field]
            else:
                raw = with_value(raw, field, swept[field])
        parameters = named | swept | {"seed": spec.seed + offset}
        if len(swept) < len(spec.sweep):
            if parameters in known:
                continue
            known.append(parameters)
        yield LaneSpec(index=index, parameters=parameters, spec=_convert(raw))
        index += 1


def _is_of_another_kind(spec: s.RunSpec, raw: Raw, field: str) -> bool:
    """Whether another of the kinds that lanes have has the field, and this lane's does not."""
    if field in fields.names(raw):
        return False
    return _is_of_a_swept_kind(spec.sweep, field) or (bool(spec.variants) and v.have(encode(spec), field))


def _is_of_a_swept_kind(sweep: Mapping[str, list[Any]], field: str) -> bool:
    part, _, name = field.partition(".")
    # What is swept may be anything until it is checked.
    swept = sweep.get(f"{part}.kind", [])
    return any(name in kind.__struct_fields__ for word, kind in KINDS.get(part, {}).items() if word in swept)


def _check_named(raw: Mapping[str, Any], sweep: Mapping[str, list[Any]], field: str) -> None:
    """Raises BadSetting where neither ``raw``'s own kinds nor those that lanes have otherwise have the field."""
    if not _is_of_a_swept_kind(sweep, field) and not v.have(raw, field):
        check_field(raw, field)


def apply(
    raw: Mapping[str, Any], settings: Sequence[tuple[str, Any]] = (), sweeps: Sequence[tuple[str, list[Any]]] = ()
) -> Raw:
    """``raw`` with each (field, value) set and each (field, values) swept; kinds apply before fields, variants last.

    The word none leaves out what may be left out. Setting a kind starts that part from its defaults and drops sweeps
    over it. Setting a swept field leaves a one-value sweep, and a field that variants set or alone have is set in them
    too. Raises BadSetting for a field that does not exist.
    """
    result: Raw = msgspec.to_builtins(dict(raw))
    if not isinstance(result.get("sweep", {}), dict):
        raise BadSetting('sweep must be a table of lists, as in { "model.depth" = [2, 3] }', "sweep")
    given = {field for field, value in settings if value not in (None, fields.NOTHING)}
    for one, other in itertools.combinations([field for field in REPLACES if field in given], 2):
        if one in REPLACES[other] and other in REPLACES[one]:
            raise BadSetting(f"{one} and {other} are both set: keep one of the two", other)
    for field, value in sorted(settings, key=lambda item: _kinds_first(item[0])):
        if field.partition(".")[0] == "variants":
            result = v.changed(result, field, value)
            continue
        if value == fields.NOTHING and fields.may_be_nothing(result, field):
            value = None
        sweep = result.get("sweep", {})
        if field == "sweep" and not isinstance(value, dict):
            raise BadSetting("sweep must be a table of lists: use --sweep KEY=V1,V2 for each field", "sweep")
        if result.get("variants") and field not in sweep:
            is_of_variants = field not in fields.names(result) and v.have(result, field)
            result = v.with_value(result, field, value)
            if is_of_variants:
                continue
        if field.endswith(".kind"):
            result = _with_kind(result, field.removesuffix(".kind"), value)
        elif field in sweep:
            _check_named(result, sweep, field)
            result["sweep"] = sweep | {field: [value]}
        else:
            result = with_value(result, field, value)
        if field in REPLACES and value is not None:
            gone = REPLACES[field]
            result["sweep"] = {key: values for key, values in result.get("sweep", {}).items() if key not in gone}
    swept = result.get("sweep", {}) | dict(sweeps)
    for field, values in sweeps:
        _check_named(result, swept, field)
        result["sweep"] = result.get("sweep", {}) | {field: values}
    return result


def _with_kind(raw: Raw, part: str, value: Any) -> Raw:
    """``raw`` with another kind of a part, sweeps over it dropped; a problem brings the model that fits it along."""
    before = fields.kind(raw, part)
    sweep = {key: values for key, values in raw.get("sweep", {}).items() if not key.startswith(part + ".")}
    result = with_value(raw | {"sweep": sweep}, f"{part}.kind", value)
    if part == "problem" and fields.goes_with(str(value)) != fields.goes_with(before):
        for other, inner in fields.goes_with(str(value)).items():
            result = _with_kind(result, other, inner["kind"]) | {other: inner}
    return result


def with_value(raw: Mapping[str, Any], field: str, value: Any) -> Raw:
    """``raw`` with one dotted field replaced; its ranges are checked later, by ``decode``."""
    check_field(raw, field)
    part, _, name = field.partition(".")
    if not name:
        return dict(raw) | {part: value}
    present = raw.get(part, {})
    if not isinstance(present, Mapping):
        raise BadSetting(f"{part} must be a table with its kind and fields, not {present!r:.60}", part)
    inner = dict(present)
    if name == "kind":
        # The same kind keeps what was set; another one starts from its defaults.
        if inner.get("kind") != value:
            inner = _own_data(part, inner, value)
    elif field in REPLACES and value is not None:
        inner = {key: kept for key, kept in inner.items() if f"{part}.{key}" not in REPLACES[field]}
    if part in KINDS and name != "kind":
        inner = {"kind": fields.kind(raw, part)} | inner
    inner[name] = value
    return dict(raw) | {part: inner}


def _own_data(part: str, inner: Mapping[str, Any], kind: Any) -> Raw:
    """What of a person's file stays where another kind of problem is chosen for it."""
    struct = KINDS[part].get(str(kind))
    if struct is None or not inner.get("file") or "file" not in struct.__struct_fields__:
        return {}
    return {name: inner[name] for name in ("file", *_OF_FILE, *_OF_HELD_OUT) if name in inner}


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
    """One value as typed by a person: TOML, a number as in .2 or 3., a comma list of values, or a bare word."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        if len(text) < _LONGEST_NUMBER and _NUMBER.fullmatch(text):
            return float(text) if set(text) & set(".eE") else int(text)
        pieces = [piece for piece in _split_commas(text) if piece]
        is_list = len(pieces) == 1 and text.endswith("]") and 0 < len(text) - len(text.lstrip("[")) <= _DEEPEST_LIST
        if is_list:
            pieces = [piece for piece in _split_commas(text[1:-1]) if piece]
        return [parse_value(piece) for piece in pieces] if (is_list or "," in text) and pieces else text
    # 1e6 is a whole number to whoever types it; a field of floats takes it just as well.
    if isinstance(value, float) and "." not in text and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


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
        # A problem's kind brings a model along, which a model's own kind then replaces.
        return 0 if field == "problem.kind" else 1
    if field.partition(".")[0] == "variants":
        return 5
    return 2 if field in _of_problem(*_OWN_DATA) else 3 if field in REPLACES else 4


def _check_swept(spec: s.RunSpec, field: str, values: list[Any]) -> None:
    if field in v.OF_THE_RUN or field.split(".")[0] in PARTS:
        cure = "set seeds to run several" if field.startswith("seed") else "set it for the whole run"
        raise BadSetting(f"sweep cannot go over {field}, which belongs to the whole run: {cure}", "sweep")
    _check_named(encode(spec), spec.sweep, field)
    if field in _of_problem(*_OWN_DATA):
        raise BadSetting(f"sweep cannot go over {field}: make a run of each", "sweep")
    if not values:
        raise BadSetting(f"the sweep over {field} is empty: give at least one value", field)
    words = list(KINDS.get(field.removesuffix(".kind"), {}))
    for value in values if words else []:
        if value not in words:
            raise BadSetting(f"{field} must be {', '.join(words[:-1])} or {words[-1]}, not {value!r:.60}", field)
    if any(value in values[:position] for position, value in enumerate(values)):
        raise BadSetting(f"the sweep over {field} has a value twice: keep each once", field)


def _convert(raw: Mapping[str, Any]) -> s.RunSpec:
    try:
        return msgspec.convert(fields.with_fitting_parts(raw), s.RunSpec)
    except msgspec.ValidationError as error:
        raise sentence(str(error), raw) from None
