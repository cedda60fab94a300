"""JSON Schemas and field notes, made from the types and the docstring line under each field."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from types import ModuleType
from typing import Any

import msgspec

from solver import document, sources
from solver.fields import KINDS, PARTS
from solver.spec import run as run_spec


def of_spec() -> dict[str, Any]:
    """JSON Schema of RunSpec."""
    return _described(run_spec.RunSpec)


def of_export() -> dict[str, Any]:
    """JSON Schema of the export."""
    return _described(document.Export)


def _described(struct: type[msgspec.Struct]) -> dict[str, Any]:
    schema = msgspec.json.schema(struct)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    notes = settings_notes() | field_notes(document) | document.SERIES_NOTES
    for name, definition in schema["$defs"].items():
        for field, described in definition.get("properties", {}).items():
            note = notes.get((name, field))
            if note:
                described["description"] = sources.explained(note)
    return schema


def settings_notes() -> dict[tuple[str, str], str]:
    """The docstring line under each setting, by (class, field); inherited ones under each class that has them."""
    notes = {key: note for module in _modules() for key, note in field_notes(module).items()}
    for kinds in KINDS.values():
        for struct in kinds.values():
            for parent in struct.__mro__[1:]:
                inherited = [(name, note) for (owner, name), note in notes.items() if owner == parent.__name__]
                for name, note in inherited:
                    notes.setdefault((struct.__name__, name), note)
    return notes


def _modules() -> list[ModuleType]:
    """Where the settings' docstrings stand: the modules of their types, and of what these inherit."""
    structs = [struct for kinds in KINDS.values() for struct in kinds.values()] + [*PARTS.values(), run_spec.RunSpec]
    names = {parent.__module__ for struct in structs for parent in struct.__mro__}
    return [sys.modules[name] for name in sorted(names) if name.startswith("solver.spec.")]


@functools.cache
def field_notes(module: ModuleType) -> dict[tuple[str, str], str]:
    """The docstring line under each field of the module's classes, by (class, field)."""
    notes = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
                assert isinstance(below, ast.Expr)
                assert isinstance(below.value, ast.Constant)
                notes[node.name, field.target.id] = " ".join(str(below.value.value).split())
    return notes
