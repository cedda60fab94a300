"""The fields of a spec by dotted name: which there are for its kinds, their words and their defaults."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from solver import spec as s

Raw = dict[str, Any]

KINDS: dict[str, dict[str, type[s.Settings]]] = {
    "problem": {
        "matrix-completion": s.MatrixCompletion,
        "matrix-sensing": s.MatrixSensing,
        "tensor-completion": s.TensorCompletion,
        "tensor-sensing": s.TensorSensing,
        "image-tensor": s.ImageTensor,
    },
    "model": {"deep-matrix-factorization": s.DeepMatrixFactorization, "cp": s.CP},
    "optimizer": {
        "gradient-flow": s.GradientFlow,
        "gradient-descent": s.GradientDescent,
        "group-rmsprop": s.GroupRMSprop,
        "adam": s.Adam,
    },
}
# What a problem is fitted with where nothing else is said: images as in R21.
_LAYERS: dict[str, Raw] = {"model": {"kind": "deep-matrix-factorization"}}
_COMPONENTS: dict[str, Raw] = {"model": {"kind": "cp"}}
_IMAGES: dict[str, Raw] = {
    "model": {"kind": "cp", "init_mean": 1.0, "init_std": 1e-3},
    "optimizer": {"kind": "adam", "step_size": 5e-4},
}
FITTING: dict[str, dict[str, Raw]] = {
    "matrix-completion": _LAYERS,
    "matrix-sensing": _LAYERS,
    "tensor-completion": _COMPONENTS,
    "tensor-sensing": _COMPONENTS,
    "image-tensor": _IMAGES,
}
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
    struct = part_type(raw, part)
    return next(word for word, known in KINDS[part].items() if known is struct)


def with_fitting_parts(raw: Mapping[str, Any]) -> Raw:
    """``raw`` with a model and optimizer that fit its kind of problem, where it names none; or the other way round."""
    problem, model = raw.get("problem"), raw.get("model")
    named = problem.get("kind") if isinstance(problem, Mapping) else None
    if problem is None and isinstance(model, Mapping) and model.get("kind") == "cp":
        return {"problem": {"kind": "tensor-completion"}} | dict(raw)
    return {part: dict(inner) for part, inner in FITTING.get(str(named), {}).items()} | dict(raw)


def part_type(raw: Mapping[str, Any], part: str) -> type[s.Settings]:
    """The type of ``raw``'s part, by its kind; the default kind where it names none or an unknown one."""
    if part in PARTS:
        return PARTS[part]
    default = getattr(s.RunSpec(), part)
    inner = raw.get(part)
    kind = inner.get("kind") if isinstance(inner, Mapping) else None
    return KINDS[part].get(str(kind), type(default))


def word(kind: type[s.Settings]) -> str:
    """How a kind is written in ``kind = …``."""
    return next(name for kinds in KINDS.values() for name, struct in kinds.items() if struct is kind)


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
