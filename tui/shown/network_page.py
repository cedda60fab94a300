"""The page of the network: what is trained as a picture with its sizes, and its parameters against observations."""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from collections.abc import Sequence

import msgspec

from solver import settings
from solver.costs import costs_of
from solver.spec import (
    CP,
    Autoencoder,
    DeepMatrixFactorization,
    HierarchicalTucker,
    ImageTensor,
    Observed,
    RunSpec,
    SymmetricMatrixFactorization,
    TensorTruth,
)
from solver.spec.completion import Completion
from tui.draw.cells import DIM, STRONG, TEXT
from tui.shown.lines import Line, wrapped
from tui.text import inert, quantity
from tui.watch.seen import Seen

# Nodes of the widest column, where there is room beside for a long page and where there is not.
_NODES, _FEW_NODES, _NARROW = 7, 5, 50
# Between columns of nodes there is room for the sizes of a matrix, 100×100 say.
_LEAST_GAP, _MOST_GAP = 9, 15
_MOST_BOXES = 10
# Ranks of so many settings beside a node.
_MOST_RANKS = 4
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Fit(msgspec.Struct, frozen=True):
    """What lanes of one network fit."""

    observations: int | None
    """None where a file has not been read."""
    are_images: bool
    rank: int | None
    """Of the ground truth, where it is chosen."""
    freedom: int
    """Degrees of freedom of a matrix or tensor of this rank; 0 without a rank."""


class Network(msgspec.Struct):
    """One network, and what its lanes fit, in their order."""

    spec: RunSpec
    shapes: list[tuple[int, int]]
    """Of all trained factors."""
    fits: list[Fit]
    lanes: list[int]
    """Which lanes train it."""

    @property
    def n_lanes(self) -> int:
        return len(self.lanes)

    @property
    def parameters(self) -> int:
        return sum(rows * columns for rows, columns in self.shapes)


def networks(seen: Seen) -> list[Network]:
    """The networks of a run's lanes; those whose shape a file has that was not read yet are left out."""
    truths = tuple((truth.shape, len(truth.observed)) for truth in seen.truths)
    problems = tuple(lane.problem for lane in seen.history.lanes)
    return _networks(msgspec.json.encode(seen.order.spec), problems, truths)


@functools.lru_cache(maxsize=8)
def _networks(
    encoded: bytes, problems: tuple[int, ...], truths: tuple[tuple[tuple[int, ...], int], ...]
) -> list[Network]:
    found: dict[object, Network] = {}
    lanes = settings.lanes(msgspec.json.decode(encoded, type=RunSpec))
    for problem, lane in zip(problems, lanes, strict=False):
        shape, n_observed = truths[problem] if problem < len(truths) else ((), 0)
        spec = _with_shape(lane.spec, shape)
        if spec is None:
            continue
        shapes = costs_of(spec).shapes()
        tree = spec.model.tree(spec.problem) if isinstance(spec.model, HierarchicalTucker) else None
        form = spec.model.nonlinear if isinstance(spec.model, Autoencoder) else tree
        network = found.setdefault((type(spec.model), tuple(shapes), form), Network(spec, shapes, [], []))
        network.lanes.append(lane.index)
        fit = _fit(spec, n_observed)
        if fit not in network.fits:
            network.fits.append(fit)
    return list(found.values())


def _with_shape(spec: RunSpec, shape: Sequence[int]) -> RunSpec | None:
    """With the shape of its file, where one is read; None while that is not known."""
    problem = spec.problem
    if not isinstance(problem, Observed) or problem.known_shape is not None:
        return spec
    if not shape:
        return None
    return msgspec.structs.replace(spec, problem=msgspec.structs.replace(problem, shape=tuple(shape)))


def _fit(spec: RunSpec, n_observed: int) -> Fit:
    problem = spec.problem
    if isinstance(problem, ImageTensor):
        return Fit(problem.train_images, are_images=True, rank=None, freedom=0)
    observations: int | None = n_observed or problem.resolved_observations
    if isinstance(problem, Completion) and problem.has_entries_alone and not n_observed:
        observations = len(problem.entries) if problem.entries is not None else None
    hierarchical = isinstance(problem, TensorTruth) and problem.ht_rank is not None
    rank = problem.resolved_rank if problem.is_random and not hierarchical else None
    symmetric = isinstance(spec.model, SymmetricMatrixFactorization) or problem.is_symmetric
    freedom = 0 if rank is None else degrees_of_freedom(problem.resolved_shape, rank, symmetric=symmetric)
    return Fit(observations, are_images=False, rank=rank, freedom=freedom)


def degrees_of_freedom(shape: Sequence[int], rank: int, *, symmetric: bool = False) -> int:
    """How many numbers a matrix or tensor of this shape and rank is free in.

    r(m + n − r) of a matrix, rn − r(r − 1)/2 of a positive semidefinite one; of a sum of r components, each of N
    vectors that can be scaled against each other, r(Σ d_n − N + 1), no more than there are entries.
    """
    if symmetric:
        return rank * shape[0] - rank * (rank - 1) // 2
    if len(shape) == 2:
        return rank * (shape[0] + shape[1] - rank)
    entries = 1
    for size in shape:
        entries *= size
    return min(entries, rank * (sum(shape) - len(shape) + 1))


def value(seen: Seen) -> str:
    """The trained numbers of the largest network."""
    return quantity(max((network.parameters for network in networks(seen)), default=0))


def lines(seen: Seen, width: int) -> list[Line]:
    """Each network as a picture, and what it is fitted to."""
    found = networks(seen)
    if not found:
        return [("the shape is not known before the file is read", DIM)]
    told: list[Line] = []
    # Where there are several, they are to be seen together.
    nodes = _NODES if len(found) == 1 and width >= _NARROW else _FEW_NODES if len(found) == 1 else _FEW_NODES - 2
    for network in found:
        told += [("", TEXT)] * bool(told)
        told += _picture(network, width, nodes)
        if isinstance(network.spec.model, HierarchicalTucker):
            told += _of_tree(network, _ranks(seen, network), width)
        for fit in network.fits:
            told += wrapped(_sentence(network, fit), TEXT, width, "")
    return told


def _sentence(network: Network, fit: Fit) -> str:
    parameters = f"{_counted(network.parameters, 'parameter')}"
    if fit.observations is None:
        return f"{parameters}; how many observations there are is not known before the file is read"
    noun = "training image" if fit.are_images else "observation"
    ratio = network.parameters / max(1, fit.observations)
    text = f"{parameters}, {_counted(fit.observations, noun)}: {quantity(float(f'{ratio:.3g}'))} for each"
    if fit.rank is None:
        return text
    what = "matrix" if isinstance(network.spec.problem, Observed) and network.spec.problem.n_modes == 2 else "tensor"
    return f"{text}; a rank-{fit.rank} {what} has {_counted(fit.freedom, 'degree')} of freedom"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _picture(network: Network, width: int, nodes: int) -> list[Line]:
    model, problem = network.spec.model, network.spec.problem
    lanes = "" if network.n_lanes == 1 else f" · {network.n_lanes} lanes"
    if isinstance(model, DeepMatrixFactorization):
        n = model.depth
        names = [f"W{j}".translate(_DIGITS) if n > 1 else "W" for j in range(n, 0, -1)]
        product = " ".join(names) if n <= 4 else f"{names[0]} … {names[-1]}"
        head = f"depth {n}{f' · W = {product}' if n > 1 else ''}{lanes}"
        return [
            *wrapped(head, STRONG, width, ""),
            *_layers(model.widths(problem_shape(network))[::-1], names, width, nodes),
        ]
    if isinstance(model, SymmetricMatrixFactorization):
        ((size, inner),) = network.shapes
        head = f"W = U Uᵀ, one factor U of {size} × {inner}{lanes}"
        return [*wrapped(head, STRONG, width, ""), *_layers([size, inner, size], ["U", "Uᵀ"], width, nodes)]
    if isinstance(model, CP) and isinstance(problem, ImageTensor):
        head = f"{_counted(model.components, 'component')} · {problem.N_PIXELS} modes × 2{lanes}"
        return [*wrapped(head, STRONG, width, ""), *_of_images(problem.N_PIXELS, model.components, width)]
    if isinstance(model, CP):
        sizes = [rows for rows, _ in network.shapes]
        told = str(sizes[0]) if len(set(sizes)) == 1 else ", ".join(str(size) for size in sizes)
        head = f"{_counted(model.components, 'component')} · {len(sizes)} modes of {told}{lanes}"
        return [*wrapped(head, STRONG, width, ""), *_of_components(sizes, model.components, width)]
    if isinstance(model, HierarchicalTucker):
        sizes = sorted(set(problem_shape(network)))
        told = " and ".join(str(size) for size in sizes) if len(sizes) < 3 else f"{sizes[0]} to {sizes[-1]}"
        head = f"hierarchical Tucker · {problem.n_modes} modes of {told}{lanes}"
        return wrapped(head, STRONG, width, "")
    if isinstance(model, Autoencoder):
        return _of_autoencoder(model, lanes, width)
    shapes = ", ".join(f"{rows} × {columns}" for rows, columns in network.shapes)
    return wrapped(f"{_counted(len(network.shapes), 'factor')}: {shapes}{lanes}", STRONG, width, "")


def problem_shape(network: Network) -> tuple[int, ...]:
    """Of the matrix or tensor that is fitted."""
    assert isinstance(network.spec.problem, Observed)
    return network.spec.problem.resolved_shape


def _layers(widths: list[int], names: list[str], width: int, nodes: int) -> list[Line]:
    """Columns of nodes, outputs first as in the product, joined by matrices; equal ones in the middle drawn once."""
    drawn: list[tuple[str, str]] = [
        (name, f"{rows}×{columns}") for name, (rows, columns) in zip(names, itertools.pairwise(widths), strict=True)
    ]
    columns = list(widths)
    most = max(1, (width - 1) // (_LEAST_GAP + 1))
    if len(drawn) > most:
        # Only hidden layers are left out, which are all alike.
        left = len(drawn) - 2
        drawn = [drawn[0], (f"… {left} more", drawn[1][1]), drawn[-1]]
        columns = [widths[0], widths[1], widths[-2], widths[-1]]
    gap = min(_MOST_GAP, (width - len(columns)) // len(drawn))
    heights = [max(1, min(size, round(nodes * size / max(columns)))) for size in columns]
    tall, middle = max(heights), max(heights) // 2
    rows: list[Line] = []
    for row in range(tall):
        text = ""
        for place, height in enumerate(heights):
            top = (tall - height) // 2
            text += _node(row - top, height, columns[place])
            if place < len(drawn):
                name, sizes = drawn[place]
                text += _between(name, sizes, row - middle, gap, tall)
        rows.append((text.rstrip(), TEXT))
    counts = "".join(
        f"{size:<{gap + 1}}" if place < len(columns) - 1 else str(size) for place, size in enumerate(columns)
    )
    over = len(counts) - width
    return [*rows, ((counts[: -len(str(columns[-1])) - over] + str(columns[-1])) if over > 0 else counts, DIM)]


def _node(row: int, height: int, size: int) -> str:
    """A node of a column; where there are more than are drawn, the last but one stands for what is left out."""
    if not 0 <= row < height:
        return " "
    return "⋮" if size > height > 2 and row == height - 2 else "•"


def _between(name: str, sizes: str, row: int, gap: int, tall: int) -> str:
    """What stands between two columns in a row: lines in the middle one, the matrix's name over it, its sizes below."""
    if tall < 3:
        told = next((told for told in (f" {name} {sizes} ", f" {name} ") if len(told) <= gap), "")
        return told.center(gap, "─") if row == 0 else " " * gap
    return {-1: name.center(gap), 0: "─" * gap, 1: sizes.center(gap)}.get(row, " " * gap)


def _of_components(sizes: list[int], n: int, width: int) -> list[Line]:
    """Components one below the other, a box for each part of their vectors: w ∘ w ∘ …, added up."""
    label = len(f"+ {n:,}") + 2
    room = max(1, min(_MOST_BOXES, (width - label + 3) // len(sizes) - 3))
    boxes = [max(1, round(room * size / max(sizes))) for size in sizes]
    vectors = " ∘ ".join(("█" * count).ljust(room) for count in boxes).rstrip()
    shown = [1, 2, n] if n > 3 else list(range(1, n + 1))
    rows = wrapped("W = sum of outer products ∘, a vector for each mode:", DIM, width, "")
    for component in shown:
        if component == n > 3:
            rows.append((f"{'⋮':>{label - 1}}", TEXT))
        sign = " " if component == 1 else "+"
        rows.append((f"{sign} {component:>{label - 4},}  {vectors}", TEXT))
    told = "   ".join(str(size).ljust(room) for size in sizes).rstrip()
    return [(text[:width], colour) for text, colour in [*rows, (" " * label + told, DIM)]]


def _ranks(seen: Seen, network: Network) -> dict[str, list[float]]:
    """By swept settings without the seed, the newest rank of each recorded unfolding: the median over its lanes."""
    found: dict[str, list[list[float]]] = {}
    for index in network.lanes:
        if index >= len(seen.history.lanes):
            continue
        lane = seen.history.lanes[index]
        newest = [column[-1] for column in lane.vectors.get("hierarchical_tensor_rank", []) if len(column)]
        if newest:
            settled = {name: value for name, value in lane.parameters.items() if name != "seed"}
            named = " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settled.items())
            found.setdefault(inert(named, 120), []).append(newest)
    return {
        name: [statistics.median_high(ranks) for ranks in zip(*lanes, strict=True)] for name, lanes in found.items()
    }


def _of_tree(network: Network, ranks: dict[str, list[float]], width: int) -> list[Line]:
    """The mode tree, a node a line: its modes, the sizes of its weights, and the rank of its unfolding by now."""
    model, shown = network.spec.model, list(ranks)[:_MOST_RANKS]
    assert isinstance(model, HierarchicalTucker)
    tree = model.tree(network.spec.problem)
    of_unfolding = {place: number for number, place in enumerate(tree.matricised)}
    rows: list[tuple[str, str, str]] = []

    def add(place: int, before: str, below: str) -> None:
        node, (n_rows, n_columns) = tree.nodes[place], network.shapes[place]
        # Of a root's two children the second's unfolding is the first's.
        number = of_unfolding.get(place, of_unfolding.get(tree.nodes[0].children[0]) if place else None)
        told = [_told_rank(ranks[name], number) for name in shown]
        modes = ",".join(str(mode + 1) for mode in node.modes)
        rows.append((f"{before}{{{modes}}}", f"{n_rows} × {n_columns}", " | ".join(told) if place else ""))
        for child in node.children:
            is_last = child == node.children[-1]
            add(child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "))

    add(0, "", "")
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines: list[Line] = []
    if shown:
        named = " | ".join(name or "now" for name in shown)
        lines += wrapped(f"Behind each node's weights the rank of its unfolding: {named}.", DIM, width, "")
    lines += [(f"{name:<{first}}  {sizes:<{second}}  {told}".rstrip()[:width], TEXT) for name, sizes, told in rows]
    return lines


def _told_rank(ranks: list[float], number: int | None) -> str:
    known = number is not None and number < len(ranks) and math.isfinite(ranks[number])
    return f"{ranks[number]:.0f}" if known and number is not None else "?"


def _of_autoencoder(model: Autoencoder, lanes: str, width: int) -> list[Line]:
    """What images become on the way, a line for each map."""
    n, c, square = model.latent, model.channels, f"{model.latent} × {model.latent}"
    kind = "nonlinear layer" if model.nonlinear else "linear layer"
    head = f"autoencoder · code of {_counted(n, 'number')} · {_counted(model.linear_layers, kind)}{lanes}"
    between = f"{_counted(model.linear_layers, 'layer')} {square}{', each with a ReLU' if model.nonlinear else ''}"
    rows = [
        ("image", "28 × 28", ""),
        ("", f"14 × 14 × {c}", "convolution 4 × 4, ReLU"),
        ("", f"7 × 7 × {2 * c}", "convolution 4 × 4, ReLU"),
        ("encoder", f"{n}", "linear map"),
        ("code", f"{n}", between if model.linear_layers else "no layers between"),
        ("decoder", f"7 × 7 × {2 * c}", "linear map, ReLU"),
        ("", f"14 × 14 × {c}", "transposed convolution, ReLU"),
        ("image", "28 × 28", "transposed convolution"),
    ]
    sizes = max(len(size) for _, size, _ in rows)
    told = [(f"{name:<8}{size:<{sizes}}  {by}".rstrip()[:width], TEXT) for name, size, by in rows]
    return [*wrapped(head, STRONG, width, ""), *told]


def _of_images(pixels: int, n: int, width: int) -> list[Line]:
    """The same for a vector of two entries for each pixel."""
    label = len(f"+ {n:,}") + 2
    rows: list[Line] = []
    for component in [1, 2, n] if n > 3 else list(range(1, n + 1)):
        if component == n > 3:
            rows.append((f"{'⋮':>{label - 1}}", TEXT))
        sign = " " if component == 1 else "+"
        rows.append((f"{sign} {component:>{label - 4},}  ██ ∘ ██ ∘ ██ ∘ … ∘ ██"[:width], TEXT))
    note = (
        f"A vector of two entries for each of {pixels} pixels: whether the pixel is white chooses the entry, and "
        f"{pixels} × 2 × {n} are trained."
    )
    return [*rows, *wrapped(note, DIM, width, "")]
