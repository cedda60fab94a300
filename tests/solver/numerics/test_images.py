"""Images: data that ship with the package, what is drawn of them, and predictors whose gradients are exact."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.models.image_cp import ImageCP
from solver.numerics.problems import datasets
from solver.numerics.problems.images import image_problem, unpacked
from solver.refusal import BadSetting
from solver.spec import Adam, ImageTensor
from tests.solver.idx import idx_directory, write_idx

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "first"), [("mnist", [5, 0, 4, 1, 9]), ("fashion-mnist", [9, 0, 0, 3, 0])])
def test_the_datasets_ship_complete(name: str, first: list[int]) -> None:
    """All images and labels in published order; each class has about a tenth of the images, exactly so in Fashion."""
    found = datasets.load(name)
    assert found.train_images.shape == (60_000, 98)
    assert found.test_images.shape == (10_000, 98)
    assert found.train_labels[:5].tolist() == first
    counts = np.bincount(found.train_labels, minlength=10)
    if name == "fashion-mnist":
        assert counts.tolist() == [6000] * 10
    else:
        assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_a_damaged_or_missing_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = (datasets._DIRECTORY / "mnist-binary.npz").read_bytes()
    monkeypatch.setattr(datasets, "_DIRECTORY", tmp_path)
    datasets.load.cache_clear()
    with pytest.raises(BadSetting, match=r"mnist-binary\.npz cannot be read"):
        datasets.load("mnist")
    (tmp_path / "mnist-binary.npz").write_bytes(original[:1000] + b"\x01" + original[1001:])
    with pytest.raises(BadSetting, match=r"mnist-binary\.npz is damaged .*: install the package again"):
        datasets.load("mnist")
    datasets.load.cache_clear()


def test_a_directory_of_idx_files_is_read_gz_or_not(tmp_path: Path) -> None:
    """A pixel is on from grey value 128, as in round(grey/255)."""
    grey = idx_directory(tmp_path)
    found = datasets.load(str(tmp_path))
    np.testing.assert_array_equal(unpacked(found.train_images), np.rint(grey.reshape(30, 784) / 255))
    assert found.test_labels.tolist() == [*range(10), *range(10)]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: (path / "train-labels-idx1-ubyte").unlink(), "has no train-labels-idx1-ubyte or"),
        (lambda path: (path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b cut"), "cannot be read"),
        (lambda path: (path / "t10k-images-idx3-ubyte").write_bytes(b"PK 123456789"), "is not an IDX file"),
        (lambda path: write_idx(path / "train-labels-idx1-ubyte", np.arange(29)), "have shapes"),
        (
            lambda path: (path / "t10k-images-idx3-ubyte").write_bytes(
                (path / "t10k-images-idx3-ubyte").read_bytes()[:-5]
            ),
            "is cut or too long",
        ),
    ],
)
def test_a_bad_idx_directory_is_one_sentence(tmp_path: Path, damage: object, said: str) -> None:
    assert callable(damage)
    idx_directory(tmp_path)
    damage(tmp_path)
    with pytest.raises(BadSetting) as refused:
        datasets.load(str(tmp_path))
    assert said in str(refused.value)
    assert str(refused.value).startswith("problem.dataset ")


def test_variants_of_one_seed_share_what_they_share() -> None:
    """Random labels keep the images, random images keep the labels, and fewer images are a prefix of more."""
    few = ImageTensor(train_images=300, test_images=100)
    original = image_problem(few, 1)
    labels = image_problem(ImageTensor(train_images=300, test_images=100, variant="random-labels"), 1)
    images = image_problem(ImageTensor(train_images=300, test_images=100, variant="random-images"), 1)
    more = image_problem(ImageTensor(train_images=500, test_images=100), 1)
    assert labels.images is original.images
    assert sorted(labels.train_targets) == sorted(original.train_targets)
    assert not np.array_equal(labels.train_targets, original.train_targets)
    np.testing.assert_array_equal(images.train_targets, original.train_targets)
    assert abs(unpacked(images.images.train).mean() - 0.5) < 0.01
    np.testing.assert_array_equal(more.images.train[:300], original.images.train)
    assert set(original.train_targets) == {0.0, 2.0}


def test_a_class_without_images_and_too_many_images_are_refused(tmp_path: Path) -> None:
    idx_directory(tmp_path, n_train=5)
    few = image_problem(ImageTensor(dataset=str(tmp_path), positive_class=7, train_images=5, test_images=10), 0)
    with pytest.raises(BadSetting, match=r"problem\.positive_class 7 has no image"):
        few.check_classes()
    with pytest.raises(BadSetting, match=r"problem\.train_images 6 is more than the 5"):
        image_problem(ImageTensor(dataset=str(tmp_path), train_images=6, test_images=10), 0)


def predicted(weights: Tensor, images: Tensor, n_components: list[int]) -> Tensor:
    """f(x) = Σ_r Π_n w_r^n[x_n], factor by factor."""
    chosen = torch.where(images.bool().unsqueeze(2), weights[1], weights[0])
    products = chosen.prod(1)
    pieces, start = [], 0
    for n in n_components:
        pieces.append(products[:, start : start + n].sum(1))
        start += n
    return torch.stack(pieces, dim=1)


def weights_of(kind: str, n_pixels: int, n_columns: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    weights = 1.0 + 0.3 * torch.randn((2, n_pixels, n_columns), generator=generator, dtype=torch.float64)
    if kind == "negative":
        weights[:, ::3] *= -1.0
    elif kind == "tiny":
        weights[0, 2, 1], weights[1, 5, 0] = 1e-9, -1e-11
    elif kind == "zero":
        weights[0, 2, 1] = 0.0
        weights[1, 5, 0] = 0.0
        weights[1, 7, 2] = -0.0
    return weights


@pytest.mark.parametrize("kind", ["positive", "negative", "tiny", "zero"])
@pytest.mark.parametrize("oracle", ["autograd", "finite differences"])
def test_image_gradients_are_exact_wherever_the_factors_are(kind: str, oracle: str) -> None:
    """Against the product written out factor by factor, which divides by nothing and takes no logarithm."""
    n_components = [1, 3, 2]
    images = torch.tensor(np.random.default_rng(1).integers(0, 2, (17, 12)), dtype=torch.float64)
    targets = torch.tensor(np.random.default_rng(2).choice([0.0, 2.0], (17, 3)))
    weights = weights_of(kind, 12, 6)
    gradient = torch.empty_like(weights)
    model = ImageCP(n_components, torch.float64, CPU)
    losses = model.loss_and_gradient(weights, images, targets, gradient)

    def loss(at: Tensor) -> Tensor:
        return (predicted(at, images, n_components) - targets).square().mean(0)

    torch.testing.assert_close(losses, loss(weights), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(model.predict(weights, images), predicted(weights, images, n_components))
    if oracle == "autograd":
        leaf = weights.clone().requires_grad_()
        loss(leaf).sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        torch.testing.assert_close(gradient, leaf.grad, rtol=1e-9, atol=1e-11)
    else:
        for index in itertools.product(range(2), range(12), range(6)):
            step = torch.zeros_like(weights)
            step[index] = 1e-6
            slope = (loss(weights + step) - loss(weights - step)).sum() / 2e-6
            assert gradient[index].item() == pytest.approx(slope.item(), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("careful", [None, True])
@pytest.mark.parametrize("kind", ["positive", "negative", "zero"])
def test_pixels_that_never_change_take_no_part_in_the_products(kind: str, careful: bool | None) -> None:
    """The same losses and gradients as with all pixels; factors that no image uses have a gradient of exactly zero."""
    images = torch.tensor(np.random.default_rng(1).integers(0, 2, (17, 12)), dtype=torch.float64)
    images[:, [1, 6]], images[:, 9] = 0.0, 1.0
    targets = torch.tensor(np.random.default_rng(2).choice([0.0, 2.0], (17, 2)))
    weights = weights_of(kind, 12, 4)
    whole, dropped = torch.empty_like(weights), torch.empty_like(weights)
    losses = ImageCP([1, 3], torch.float64, CPU).loss_and_gradient(weights, images, targets, whole)
    varying = torch.tensor([0, 2, 3, 4, 5, 7, 8, 10, 11])
    model = ImageCP([1, 3], torch.float64, CPU, varying, torch.tensor([9]))
    again = model.loss_and_gradient(weights, images[:, varying], targets, dropped, careful)
    torch.testing.assert_close(again, losses, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(dropped, whole, rtol=1e-9, atol=1e-11)
    assert not dropped[1, [1, 6]].any()
    assert not dropped[0, 9].any()
    torch.testing.assert_close(model.predict(weights, images[:, varying]), model.predict(weights, images))


@pytest.mark.parametrize("kind", ["positive", "negative", "tiny", "zero"])
def test_gradients_taken_with_care_are_the_same(kind: str) -> None:
    """What a GPU computes rather than wait for a look at the weights."""
    images = torch.tensor(np.random.default_rng(1).integers(0, 2, (17, 12)), dtype=torch.float64)
    targets = torch.tensor(np.random.default_rng(2).choice([0.0, 2.0], (17, 2)))
    weights = weights_of(kind, 12, 4)
    model = ImageCP([1, 3], torch.float64, CPU)
    looked, careful = torch.empty_like(weights), torch.empty_like(weights)
    model.loss_and_gradient(weights, images, targets, looked)
    model.loss_and_gradient(weights, images, targets, careful, careful=True)
    torch.testing.assert_close(careful, looked, rtol=1e-9, atol=1e-11)
    assert bool(model.needs_care(weights)) == (kind != "positive")


def test_float32_gradients_of_784_factors_are_accurate() -> None:
    """A product of 784 factors near 1.1 overflows float32 nowhere on the way, and the gradient keeps five digits."""
    images = torch.tensor(np.random.default_rng(1).integers(0, 2, (50, 784)), dtype=torch.float64)
    targets = torch.zeros((50, 1), dtype=torch.float64)
    weights = 1.0 + 0.05 * torch.randn((2, 784, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact, rough = torch.empty_like(weights), torch.empty_like(weights, dtype=torch.float32)
    ImageCP([2], torch.float64, CPU).loss_and_gradient(weights, images, targets, exact)
    model = ImageCP([2], torch.float32, CPU)
    model.loss_and_gradient(weights.float(), images.float(), targets.float(), rough)
    assert (rough.double() - exact).abs().max() < 2e-5 * exact.abs().max()


def small_method(
    n_components: list[int], variants: list[str], batch_size: int | None = 64, watched: bool = True, std: float = 1e-3
) -> ImageAdamMethod:
    problems = [
        image_problem(ImageTensor(variant=variant, train_images=200, test_images=100), 0)  # type: ignore[arg-type]
        for variant in variants
    ]
    generator = torch.Generator().manual_seed(0)
    starts = [
        (1.0 + std * torch.randn((2, 784, n), generator=generator, dtype=torch.float64)).reshape(-1)
        for n in n_components
    ]
    return ImageAdamMethod(problems, starts, Adam(step_size=5e-4, batch_size=batch_size), torch.float64, CPU, watched)


@pytest.mark.parametrize(("std", "needs_care"), [(1e-3, False), (0.4, True)])
def test_steps_that_are_not_watched_end_where_watched_ones_do(std: float, needs_care: bool) -> None:
    """On a GPU nobody looks at the weights in between; a stretch in which one is negative is taken again with care."""
    watched = small_method([2, 1], ["original", "random-labels"], std=std)
    unwatched = small_method([2, 1], ["original", "random-labels"], watched=False, std=std)
    for until in (3, 10, 40):
        watched.advance(until, -1.0)
        unwatched.advance(until, -1.0)
    assert unwatched._careful is needs_care
    assert watched.losses == pytest.approx(unwatched.losses, rel=1e-9)
    for lane in range(2):
        torch.testing.assert_close(unwatched.parameters(lane), watched.parameters(lane), rtol=1e-7, atol=1e-9)


def test_lanes_that_share_images_do_not_mix() -> None:
    """Each lane trains in company as it trains alone, and goes on so when the others leave."""
    together = small_method([2, 1, 3], ["original", "random-labels", "original"])
    alone = small_method([2, 1, 3], ["original", "random-labels", "original"])
    alone.keep([1])
    together.advance(20, -1.0)
    together.keep([2, 1])
    together.advance(33, -1.0)
    alone.advance(33, -1.0)
    torch.testing.assert_close(together.parameters(1), alone.parameters(0), rtol=1e-12, atol=1e-14)
    assert together.measured(1) == pytest.approx(alone.measured(0), rel=1e-12)


def test_every_image_is_used_in_every_epoch() -> None:
    """200 images in batches of 64 are four batches, the last of 8: an epoch of plain steps sums all gradients once."""
    method = small_method([1], ["original"])
    seen: list[int] = []
    original = method._model.loss_and_gradient

    def spy(weights: Tensor, images: Tensor, targets: Tensor, out: Tensor, careful: bool | None = None) -> Tensor:
        seen.append(len(images))
        return original(weights, images, targets, out, careful)

    method._model.loss_and_gradient = spy  # type: ignore[method-assign]
    method.advance(8, -1.0)
    assert seen == [64, 64, 64, 8] * 2


def test_errors_are_in_the_units_of_the_paper() -> None:
    """Errors are mean squares over the squared distance of the targets; a test error counts at most clip."""
    method = small_method([1], ["original"], batch_size=None)
    found = method.measured(0)
    weights = method.parameters(0).view(2, 784, 1)
    problem = method._problems[0]
    for part, packed, targets in (
        ("train_error", problem.images.train, problem.train_targets),
        ("test_error", problem.images.test, problem.test_targets),
    ):
        values = predicted(weights, torch.tensor(unpacked(packed)), [1])[:, 0]
        squares = (values - torch.tensor(targets)).square()
        expected = (squares if part == "train_error" else squares.clamp_max(4.0)).mean() / 4.0
        assert found[part] == pytest.approx(expected.item(), rel=1e-9)
    assert found["train_loss"] == pytest.approx(4.0 * found["train_error"])
