"""The types of the export, format implicit-tui/run: what a reader of the JSON can rely on."""

from __future__ import annotations

from typing import Any

import msgspec

from solver.records import Outcome
from solver.spec import RunSpec

FORMAT = "implicit-tui/run"
VERSION = 1

Number = float | None
Column = list[Number]
Columns = list[list[Number]]


class Series(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The recorded states of a lane, column by column; a series that does not apply is absent."""

    step: list[int]
    """Accepted steps."""
    time: Column | None = None
    """Flow time; absent for adam."""
    elapsed_s: Column
    """Solver seconds since the start, pauses left out."""
    evaluations: list[int]
    """Gradients computed by the lane so far."""
    train_loss: Column
    reconstruction_error: Column | None = None
    """Mean squared error over all entries, divided by the mean-square entry of the ground truth (A19)."""
    normalised_reconstruction_error: Column | None = None
    """Its square root, ‖W − W*‖_F / ‖W*‖_F (R20, R21)."""
    held_out_error: Column | None = None
    """Mean squared error over the held-out entries of a file, divided by their mean square."""
    effective_rank: Column | None = None
    """exp of the entropy of σ/Σσ (Roy & Vetterli 2007); 0 for the zero matrix."""
    singular_values: Columns | None = None
    """The largest ones, descending; singular_values[t][r]."""
    nuclear_norm: Column | None = None
    frobenius_norm: Column | None = None
    """Of the end matrix or tensor."""
    spectral_norm: Column | None = None
    schatten_2_over_n: Column | None = None
    """(Σσ^p)^(1/p), p = 2/N."""
    det_sign: Column | None = None
    log_abs_det: Column | None = None
    """Natural logarithm of |det W|."""
    singular_value_rates: Columns | None = None
    """dσ_r/dt measured: central differences over a short step of the flow; null where σ_r has a twin."""
    predicted_rates: Columns | None = None
    """dσ_r/dt by the formula for any initialisation."""
    predicted_rates_balanced: Columns | None = None
    """N σ_r^(2−2/N) γ_r (A19 Theorem 3), which supposes balanced layers."""
    truth_alignment: Columns | None = None
    """‖U*ᵀ u_r‖ ‖V*ᵀ v_r‖: the cosines of the angles of σ_r's vectors with the ground truth's column and row space."""
    unobserved_entry: Column | None = None
    """Of a matrix all but one of whose entries are given (R20)."""
    unobserved_entry_bound: Column | None = None
    """Its least |value| at this loss while the determinant has the sign of z·z′; null where the proof is silent."""
    component_norms: Columns | None = None
    """Π_n ‖w_r^n‖ of the components in final.component_indices; component_norms[t][r]."""
    component_rates: Columns | None = None
    """dσ_r/dt measured, of the largest components of each frame, the largest first."""
    predicted_component_rates: Columns | None = None
    """The same by the formula for any initialisation."""
    predicted_component_rates_balanced: Columns | None = None
    """N σ_r^(2−2/N) γ_r (R21 Theorem 1), which supposes balanced components."""
    unbalancedness: Column | None = None
    """The largest ‖W_{j+1}ᵀ W_{j+1} − W_j W_jᵀ‖_F, or |‖w_r^n‖² − ‖w_r^m‖²|."""
    gradient_norm: Column | None = None
    """Over all factors."""
    step_size: Column
    """In effect at the last step."""
    method: list[str] | None = None
    """The scheme that took the last step of a gradient flow: dormand-prince, chebyshev or rosenbrock."""
    rejections: list[int] | None = None
    """Attempted steps of the flow so far that its error control did not accept."""
    train_error: Column | None = None
    """Of images: mean squared error over all training images, divided by the squared distance of the targets."""
    test_error: Column | None = None
    """The same over the test images, each squared error clipped before the mean."""


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trained factorization."""

    index: int
    parameters: dict[str, Any]
    """Every swept field and the seed."""
    problem: int
    """Which of ``problems`` it fits; 0 is ``problem``."""
    outcome: Outcome | None
    """null while the lane runs, or where the solver was killed."""
    series: Series
    nonfinite: dict[str, dict[str, str]]
    """By series and frame (or frame.rank), the values that are null because JSON has no NaN and no infinity."""
    final: dict[str, Any]
    """Last values, the end matrix or tensor up to 10,000 entries, and what was measured of the final state alone."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was fitted; each list is left out above 10,000 entries."""

    shape: list[int]
    ground_truth: list[Any] | None = None
    """Nested by mode."""
    observed: list[list[int | float]] | None = None
    """[row, column, value], or [i, j, k, …, value], zero-based, noise included; absent for measurements and images."""
    held_out: list[list[int | float]] | None = None


class ExportedClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement of the papers, measured on this run."""

    name: str
    text: str
    source: str
    measured: float | None
    expected: float | None
    tolerance: float | None
    relation: str
    """about, at-least or at-most: how measured and expected compare where the claim holds."""
    verdict: str
    """holds, fails, not-applicable, or pending while the run is under way."""


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run."""

    format: str
    version: int
    id: str
    preset: str
    spec: RunSpec
    environment: dict[str, Any]
    started: str | None
    ended: str | None
    elapsed_s: float
    outcome: Outcome | None
    """null while the run is under way."""
    lanes: list[Lane]
    problem: Problem | None
    """The problem of lane 0."""
    problems: list[Problem]
    """Every problem where the lanes have several, else empty."""
    baselines: dict[str, Any]
    """Of lane 0's problem: the ground truth, the solution of least nuclear norm, linear and constant predictors, …"""
    problem_baselines: list[dict[str, Any]]
    """The same for every problem where the lanes have several, else empty."""
    claims: list[ExportedClaim]
    damaged_lines: int
    """Lines of the log that could not be read; 0 for a sound log."""
