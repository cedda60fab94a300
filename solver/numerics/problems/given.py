"""What a person's file says of a problem, in its own unit: what is trained on, what is held out, what is taken out."""

from __future__ import annotations

import dataclasses
import functools
import math
from array import array
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from solver import biases
from solver.biases import Biases
from solver.tables.table import Ids

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_PARTS = ("", "test_", "validation_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """The entries of a file; (entries, modes) and (entries,) of each part."""

    indices: Indices
    values: Array
    test_indices: Indices
    test_values: Array
    validation_indices: Indices
    validation_values: Array
    """Entries by which the best step is chosen; often none."""
    centre: Biases
    """What is taken out of the values before they are fitted, learned of those trained on."""
    ids: tuple[Ids, ...] = ()
    """By mode, what the file calls each place."""
    names: tuple[str, ...] = ()
    value_name: str = ""

    def taken_out(self, indices: Indices) -> Array:
        """(entries,): the centre at these entries."""
        found = np.full(len(indices), self.centre.mean)
        for mode, added in enumerate(self.centre.modes):
            if added:
                found += np.array(added)[indices[:, mode]]
        return found

    @functools.cached_property
    def held_out(self) -> dict[str, tuple[Indices, Array, float]]:
        """By part, where it has entries: the entries, their values without the centre, and the values' mean square."""
        parts = {}
        for part in ("test", "validation"):
            indices, values = getattr(self, f"{part}_indices"), getattr(self, f"{part}_values")
            if len(values):
                parts[part] = indices, values - self.taken_out(indices), float(np.mean(values**2))
        return parts

    @property
    def series(self) -> set[str]:
        """The errors that can be told; where held-out values are all zero there is no scale to measure against."""
        parts = self.held_out
        found = {"held_out_rmse"} if "test" in parts else set()
        for part, name in (("test", "held_out_error"), ("validation", "validation_error")):
            if part in parts and parts[part][2] > 0.0:
                found.add(name)
        return found

    def errors(self, entries: Callable[[Indices], Array]) -> dict[str, float]:
        """Errors of an end matrix or tensor, given by its ``entries``, on what was held out."""
        found: dict[str, float] = {}
        for part, (indices, values, scale) in self.held_out.items():
            squared = float(np.mean((entries(indices) - values) ** 2))
            if part == "test":
                found["held_out_rmse"] = math.sqrt(squared)
            if scale > 0.0:
                found["held_out_error" if part == "test" else "validation_error"] = squared / scale
        return found

    def predictors(self) -> dict[str, dict[str, float]]:
        """Errors of those that know no interaction, by name; learned of what is trained on, whatever the centre is."""
        shape = [1 + int(column.max(initial=0)) for column in self._all_indices().T]
        learned = biases.predictors(self.indices.T.tolist(), self.values.tolist(), shape)
        found: dict[str, dict[str, float]] = {}
        for name, predictor in learned.items():
            found[name] = {}
            for part in self.held_out:
                indices, values = getattr(self, f"{part}_indices"), getattr(self, f"{part}_values")
                squared, relative = biases.errors(predictor.at(indices.T.tolist()), values.tolist())
                if part == "test":
                    found[name]["held_out_rmse"] = math.sqrt(squared)
                if not math.isnan(relative):
                    found[name]["held_out_error" if part == "test" else "validation_error"] = relative
        return found

    def _all_indices(self) -> Indices:
        return np.concatenate([self.indices, self.test_indices, self.validation_indices])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What is kept with the run: all of it, ids and names as JSON."""
        found: dict[str, npt.NDArray[np.generic]] = {}
        for part in _PARTS:
            found[f"{part}indices"] = np.ascontiguousarray(getattr(self, f"{part}indices"))
            found[f"{part}values"] = getattr(self, f"{part}values")
        found["centre"] = np.array([self.centre.mean])
        found |= {f"centre.{mode}": np.array(added) for mode, added in enumerate(self.centre.modes)}
        named = {"ids": [list(ids) for ids in self.ids], "names": self.names, "value_name": self.value_name}
        return found | {"ids": np.frombuffer(msgspec.json.encode(named), dtype=np.uint8)}

    @classmethod
    def split(cls, indices: Indices, values: Array, n_test: int) -> Given:
        """The first ``n_test`` entries held out, the rest trained on, and nothing taken out."""
        nothing = indices[:0]
        return cls(
            indices=indices[n_test:],
            values=values[n_test:],
            test_indices=indices[:n_test],
            test_values=values[:n_test],
            validation_indices=nothing,
            validation_values=values[:0],
            centre=Biases(mean=0.0, modes=[array("d") for _ in range(indices.shape[1])]),
        )

    @classmethod
    def kept(cls, kept: Mapping[str, npt.NDArray[Any]]) -> Given:
        """The same from what ``arrays`` gave. Older runs had no centre, no validation and whole numbers for ids."""
        n_modes = kept["indices"].shape[1]
        mean = float(kept["centre"][0]) if "centre" in kept else 0.0
        modes = [array("d", kept.get(f"centre.{mode}", np.zeros(0)).tolist()) for mode in range(n_modes)]
        named = msgspec.json.decode(kept["ids"].tobytes()) if "ids" in kept else {}
        return cls(
            indices=kept["indices"],
            values=kept["values"],
            test_indices=kept["test_indices"],
            test_values=kept["test_values"],
            validation_indices=kept.get("validation_indices", np.zeros((0, n_modes), dtype=np.int64)),
            validation_values=kept.get("validation_values", np.zeros(0)),
            centre=Biases(mean=mean, modes=modes),
            ids=tuple(named.get("ids", ())),
            names=tuple(named.get("names", ())),
            value_name=named.get("value_name", ""),
        )
