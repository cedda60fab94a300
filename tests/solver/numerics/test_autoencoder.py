"""Autoencoders: the network of torch.nn to rounding, its start, its steps, its spectrum and what codes are good for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from solver import settings
from solver.numerics.baselines.autoencoders import of_autoencoder
from solver.numerics.downstream import ridge_accuracy, supervised_accuracy
from solver.numerics.lanes.autoencoder import AutoencoderLane, network_of, start_of
from solver.numerics.methods.autoencoder_adam import AutoencoderAdamMethod
from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.problems.images import ImageProblem, image_problem, pixel_values
from solver.numerics.spectrum import code_spectrum
from solver.spec import Adam, Autoencoder, ImageTensor, RunSpec, Stop
from tests.solver.idx import idx_directory

CPU = torch.device("cpu")
MODELS = [
    Autoencoder(linear_layers=n, latent=5, channels=3, nonlinear=wavy)
    for n, wavy in ((0, False), (3, False), (2, True))
]
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda one: f"{one.linear_layers} layers {one.nonlinear}")


class Published(nn.Module):
    """The same network from torch's layers, channels first, as a reader of the paper would write it."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        c, n = model.channels, model.latent
        self.encoder = nn.Sequential(
            nn.Conv2d(1, c, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(c, 2 * c, 4, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(98 * c, n),
        )
        between: list[nn.Module] = []
        for _ in range(model.linear_layers):
            between += [nn.Linear(n, n, bias=False), *([nn.ReLU()] if model.nonlinear else [])]
        self.between = nn.Sequential(*between)
        self.decoder = nn.Sequential(
            nn.Linear(n, 98 * c),
            nn.ReLU(),
            nn.Unflatten(1, (2 * c, 7, 7)),
            nn.ConvTranspose2d(2 * c, c, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(c, 1, 4, 2, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        seen = self.between(self.encoder(images.view(-1, 1, 28, 28)))
        return self.decoder(seen).flatten(1)  # type: ignore[no-any-return]

    def ours(self) -> list[Tensor]:
        """Its parameters in our order and with channels last."""
        (a, a0, b, b0, d, d0), (e, e0, g, g0, h, h0) = ([*part.parameters()] for part in (self.encoder, self.decoder))
        c = a.shape[0]

        def last(features: Tensor) -> Tensor:
            return features.reshape(2 * c, 49, -1).transpose(0, 1).reshape(98 * c, -1)

        return [
            a.reshape(c, 16).T,
            a0,
            b.permute(0, 2, 3, 1),
            b0,
            last(d.T).T,
            d0,
            last(e),
            last(e0)[:, 0],
            g.permute(0, 2, 3, 1),
            g0,
            h.reshape(c, 16),
            h0,
            *self.between.parameters(),
        ]


def published(model: Autoencoder) -> Published:
    torch.manual_seed(0)
    return Published(model).double()


def some_images(n: int = 7) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((n, 784)))


def problem_of(**changes: Any) -> ImageProblem:
    return image_problem(ImageTensor(**({"train_images": 200, "test_images": 120} | changes)), 0)


def method_of(
    model: Autoencoder, problem: ImageProblem, start: Tensor, dtype: torch.dtype = torch.float64
) -> AutoencoderAdamMethod:
    return AutoencoderAdamMethod(
        problem, network_of(model), [start], Adam(batch_size=min(64, len(problem.images.train))), dtype, CPU
    )


@EVERY_MODEL
def test_predictions_and_gradients_are_those_of_torchs_layers(model: Autoencoder) -> None:
    """Products of matrices, channels last and a fold are ways to compute, and no other network."""
    theirs, network, images = published(model), network_of(model), some_images()
    parts = [part.detach().clone().requires_grad_() for part in theirs.ours()]
    assert [tuple(part.shape) for part in parts] == [part.shape for part in network.parts]
    predicted = network.predict(parts, images)
    torch.testing.assert_close(predicted, theirs(images), rtol=1e-12, atol=1e-13)
    torch.autograd.backward((predicted - images).square().mean())
    torch.autograd.backward((theirs(images) - images).square().mean())
    for part in theirs.parameters():
        assert part.grad is not None
        part.data = part.grad
    for ours, expected in zip(parts, theirs.ours(), strict=True):
        torch.testing.assert_close(ours.grad, expected.detach(), rtol=1e-9, atol=1e-13)


def test_the_start_is_as_large_as_torchs_layers_begin() -> None:
    """Uniform, within the same bounds; drawn from the seed's own stream and not from torch's."""
    model = Autoencoder(linear_layers=2, latent=24, channels=8)
    network, theirs = network_of(model), [part.detach() for part in published(model).ours()]
    start = network.split(start_of(network, 3))
    for part, known, expected in zip(start, network.parts, theirs, strict=True):
        # Not their very maxima: a bias of one number may be anywhere.
        assert part.abs().max() <= known.bound >= 0.999 * expected.abs().max()
        if part.numel() > 100:
            assert part.std().item() == pytest.approx(expected.std().item(), rel=0.15)
            assert part.abs().max() > 0.95 * known.bound
    torch.manual_seed(99)
    assert torch.equal(start_of(network, 3), torch.cat([part.reshape(-1) for part in start]))


def test_lanes_of_one_seed_start_with_the_same_encoder_and_decoder() -> None:
    """Whatever the number of layers between: what differs at the end is theirs."""
    without, four = (start_of(network_of(Autoencoder(linear_layers=n)), 5) for n in (0, 4))
    assert torch.equal(four[: len(without)], without)
    assert len(four) - len(without) == 4 * 32 * 32


@EVERY_MODEL
def test_steps_are_those_of_torchs_adam_on_slices_of_the_images(model: Autoencoder) -> None:
    """Five of them go round an epoch of four, whose last batch is shorter."""
    problem, theirs = problem_of(), published(model)
    images = torch.from_numpy(pixel_values(problem.images.train)).double()
    method = method_of(model, problem, torch.cat([part.detach().reshape(-1) for part in theirs.ours()]))
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    for step in range(5):
        batch = images[64 * (step % 4) : 64 * (step % 4 + 1)]
        adam.zero_grad()
        torch.autograd.backward((theirs(batch) - batch).square().mean())
        adam.step()
    method.advance(5, 0.0)
    expected = torch.cat([part.detach().reshape(-1) for part in theirs.ours()])
    # Moments of gradients near rounding are anything: their steps are as large as any.
    assert (method.parameters(0) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_is_measured_is_so(dtype: torch.dtype) -> None:
    problem, model = problem_of(), MODELS[1]
    network = network_of(model)
    method = method_of(model, problem, start_of(network, 0), dtype)
    method.advance(6, 0.0)
    found, parts = method.measured(0), network.split(method.parameters(0))
    for name, images, n in (("train_error", problem.images.train, 120), ("test_error", problem.images.test, 120)):
        shown = torch.from_numpy(pixel_values(images[:n])).double()
        assert found[name] == pytest.approx((network.predict(parts, shown) - shown).square().mean().item(), rel=1e-5)
    assert found["train_loss"] == found["train_error"] == method.losses[0]
    codes = network.code(parts, torch.from_numpy(pixel_values(problem.images.test)).double())
    values = np.linalg.eigvalsh(np.cov(codes.numpy().T))[::-1]
    np.testing.assert_allclose(found["code_spectrum"], values / values[0], rtol=1e-3, atol=1e-5)


def test_layers_collapse_into_the_encoder() -> None:
    """In exact arithmetic the same function; with a ReLU between it is not, and nothing says so."""
    for model, largest in ((MODELS[1], 1e-14), (MODELS[2], None)):
        network, images = network_of(model), some_images()
        parts = network.split(start_of(network, 1))
        collapsed, fewer = network.collapsed(parts)
        assert collapsed.linear_layers == 0
        assert len(fewer) == 12
        difference = (collapsed.predict(fewer, images) - network.predict(parts, images)).abs().max().item()
        assert difference < largest if largest else difference > 1e-4


def test_a_spectrum_does_not_depend_on_directions_or_units() -> None:
    """Variances 4, 1, .01: parts of the largest, exp of their entropy, two above a hundredth."""
    generator = torch.Generator().manual_seed(0)
    white = torch.linalg.qr(torch.randn(400, 4, generator=generator, dtype=torch.float64) - 0.0).Q
    white = torch.linalg.qr(white - white.mean(0)).Q[:, :3]
    codes = white @ torch.diag(torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64))
    turned = 7.0 * codes @ torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q + 3.0
    for one in (codes, turned):
        found = code_spectrum(one)
        assert found["code_spectrum"] == pytest.approx([1.0, 0.25, 0.0025], rel=1e-9)
        parts = np.array([4.0, 1.0, 0.01]) / 5.01
        assert found["code_effective_rank"] == pytest.approx(math.exp(-(parts * np.log(parts)).sum()), rel=1e-9)
        assert found["code_rank"] == 2


def test_codes_that_say_nothing_have_rank_0_and_broken_ones_none() -> None:
    assert code_spectrum(torch.ones(5, 2)) == {
        "code_spectrum": [0.0, 0.0],
        "code_effective_rank": 0.0,
        "code_rank": 0.0,
    }
    broken = code_spectrum(torch.full((5, 2), math.inf))
    assert all(math.isnan(value) for value in (*broken["code_spectrum"], broken["code_rank"]))


def test_two_lanes_of_a_batch_are_two_lanes() -> None:
    """What trains together on a GPU, or by hand, takes the steps that each takes alone."""
    problem, network = problem_of(), network_of(MODELS[1])
    starts = [start_of(network, seed) for seed in (0, 1)]
    both = AutoencoderAdamMethod(problem, network, starts, Adam(batch_size=64), torch.float64, CPU)
    both.advance(3, 0.0)
    for lane, start in enumerate(starts):
        alone = method_of(MODELS[1], problem, start)
        alone.advance(3, 0.0)
        assert torch.equal(alone.parameters(0), both.parameters(lane))
        assert alone.measured(0) == both.measured(lane)
    both.keep([1])
    both.advance(5, 0.0)
    alone.advance(5, 0.0)
    assert torch.equal(alone.parameters(0), both.parameters(0))


def lane_of(**changes: Any) -> tuple[AutoencoderLane, ImageProblem]:
    problem = problem_of()
    spec = RunSpec(
        problem=problem.spec,
        model=Autoencoder(**({"latent": 5, "channels": 3, "linear_layers": 2} | changes)),
        optimizer=Adam(),
        stop=Stop(max_steps=5),
        dtype="float32",
    )
    return AutoencoderLane(settings.lanes(spec)[0], problem), problem


def test_pictures_hold_originals_beside_reconstructions_ways_and_samples() -> None:
    """The ends of a way are the reconstructions of its images, and its middle decodes the middle of their codes."""
    lane, problem = lane_of()
    parameters = lane.start()
    network, found = network_of(lane.model), lane._pictures.of(parameters)
    parts, images = network.split(parameters), torch.from_numpy(pixel_values(problem.images.test)).double()
    expected = network.predict(parts, images[:6])
    assert {name: tuple(shown.shape) for name, shown in found.items()} == dict.fromkeys(
        ("reconstructions", "interpolations", "samples"), (12, 784)
    )
    torch.testing.assert_close(found["reconstructions"][::2].double(), images[:6])
    torch.testing.assert_close(found["reconstructions"][1::2].double(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["interpolations"][[0, 5, 6, 11]].double(), expected[:4], rtol=1e-4, atol=1e-5)
    codes = network.code(parts, images[:2])
    fifth = network.decode(parts, codes[:1] + 0.4 * (codes[1:] - codes[:1]))
    torch.testing.assert_close(found["interpolations"][2:3].double(), fifth, rtol=1e-4, atol=1e-5)
    snapshots = lane.last_pictures(parameters, 5)
    assert [one.shape for one in snapshots] == [[12, 28, 28]] * 3
    # Grey values have a scale of their own, which is the same at every step.
    assert {picture.largest for picture in lane.pictures(parameters, 0)} == {1.0}


def test_samples_have_the_mean_and_the_covariance_of_the_codes() -> None:
    lane, problem = lane_of(latent=3)
    pictures = lane._pictures
    pictures._draws = torch.from_numpy(np.random.default_rng(0).standard_normal((40_000, 3), dtype=np.float32))
    codes = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) @ torch.tensor(
        [[2.0, 1, 0], [0, 1, 0], [0, 0, 0.1]]
    )
    drawn = pictures._sampled(codes)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(codes.T), rtol=0.05, atol=0.05)
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), rtol=0.05, atol=0.05)
    assert problem.sizes == (28, 28)


def test_the_end_says_how_far_the_collapsed_network_differs_and_what_codes_are_good_for() -> None:
    lane, _ = lane_of()
    found = lane.summary(lane.start())
    assert 0.0 < found.pop("collapse_difference") < 1e-6
    # 200 images have labels for the smaller of the two heads alone.
    assert set(found) == {"code_accuracy_100", "encoder_accuracy_100"}
    assert all(0.1 < value <= 1.0 for value in found.values())
    nonlinear, _ = lane_of(nonlinear=True)
    assert "collapse_difference" not in nonlinear.summary(nonlinear.start())


def test_a_ridge_head_is_chosen_by_leaving_each_image_out() -> None:
    """Leverages give what forty fits without an image give."""
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((40, 6)), generator.integers(0, 10, 40).astype(np.uint8)
    features[:, 0] += 2.0 * labels
    test, test_labels = generator.standard_normal((200, 6)), generator.integers(0, 10, 200).astype(np.uint8)
    test[:, 0] += 2.0 * test_labels
    wanted = np.eye(10)[labels]

    def fit(penalty: float, x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        centre, base = x.mean(0), y.mean(0)
        weights = np.linalg.solve((x - centre).T @ (x - centre) + penalty * np.eye(6), (x - centre).T @ (y - base))
        return lambda some: (some - centre) @ weights + base

    unit = ((features - features.mean(0)) ** 2).sum() / 6
    errors = {}
    for power in range(-6, 3):
        left = [
            fit(10.0**power * unit, np.delete(features, k, 0), np.delete(wanted, k, 0))(features[k]) for k in range(40)
        ]
        errors[10.0**power] = ((np.array(left) - wanted) ** 2).mean()
    best = min(errors, key=lambda penalty: errors[penalty])
    expected = (fit(best * unit, features, wanted)(test).argmax(1) == test_labels).mean()
    found = ridge_accuracy(torch.from_numpy(features), labels, torch.from_numpy(test), test_labels)
    assert found == pytest.approx(expected)
    assert math.isnan(ridge_accuracy(torch.full((40, 6), math.nan), labels, torch.from_numpy(test), test_labels))


def test_a_network_trained_on_labels_learns_them() -> None:
    """Far better than one class in ten; with labels that belong to other images it learns nothing."""
    problem = image_problem(ImageTensor(train_images=300, test_images=300), 0)
    model = Autoencoder(latent=16, channels=4)
    network, (train, test) = (
        network_of(model),
        (torch.from_numpy(pixel_values(some)) for some in (problem.images.train, problem.images.test)),
    )
    labels, rest = problem.images.train_labels, (test, problem.images.test_labels)
    assert supervised_accuracy(network, start_of(network, 0), train, labels, *rest) > 0.5
    shuffled = np.random.default_rng(0).permutation(labels)
    assert supervised_accuracy(network, start_of(network, 0), train, shuffled, *rest) < 0.3


def test_images_of_one_s_own_may_have_more_classes_than_digits() -> None:
    """Letters are labelled 1 to 26; a class that is in the test images alone is told by nobody, and is no error."""
    generator = np.random.default_rng(0)
    labels = np.arange(1, 27, dtype=np.uint8).repeat(8)
    prints = generator.standard_normal((28, 40))
    features, test = (
        torch.from_numpy(prints[some] + 0.1 * generator.standard_normal((len(some), 40))) for some in (labels, labels)
    )
    assert ridge_accuracy(features, labels, test, labels) == 1.0
    assert ridge_accuracy(features, labels, test, np.full(len(labels), 27, dtype=np.uint8)) == 0.0
    network = network_of(Autoencoder(linear_layers=0, latent=4, channels=2))
    images = torch.from_numpy(generator.random((len(labels), 784)))
    told = supervised_accuracy(network, start_of(network, 0), images, labels, images, labels)
    assert 0.0 <= told <= 1.0


def test_the_linear_baseline_is_the_truncated_decomposition_of_the_images() -> None:
    """Eckart and Young: of all maps through n numbers none does better on the training images."""
    problem = image_problem(ImageTensor(train_images=1_000, test_images=200), 0)
    found = of_autoencoder(
        problem, RunSpec(problem=problem.spec, model=Autoencoder(latent=20, channels=2), optimizer=Adam())
    )
    train, test = (pixel_values(some).astype(np.float64) for some in (problem.images.train, problem.images.test))
    centred = train - train.mean(0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    assert found["linear"]["train_error"] == pytest.approx((values[20:] ** 2).sum() / train.size)
    others = test - train.mean(0)
    assert found["linear"]["test_error"] == pytest.approx(
        ((others - others @ directions[:20].T @ directions[:20]) ** 2).mean()
    )
    assert found["constant"]["train_error"] == pytest.approx(train.var(0).mean())
    assert set(found["supervised"]) == {"accuracy_100", "accuracy_1000"}


def test_grey_images_of_a_directory_keep_their_values(tmp_path: Path) -> None:
    grey = idx_directory(tmp_path)
    problem = image_problem(ImageTensor(dataset=str(tmp_path), pixels="grey", train_images=30, test_images=20), 0)
    found = pixel_values(problem.images.train)
    assert sorted(found.sum(1)) == pytest.approx(sorted(grey.reshape(30, 784).sum(1) / 255), rel=1e-6)
    one_bit = image_problem(ImageTensor(dataset=str(tmp_path), train_images=30, test_images=20), 0)
    np.testing.assert_array_equal(pixel_values(one_bit.images.train), np.rint(found))


def test_what_does_not_concern_an_autoencoder_does_not_stop_it(tmp_path: Path) -> None:
    """No image of the positive class is needed, which a predictor of classes refuses."""
    idx_directory(tmp_path, n_train=5)
    problem = image_problem(ImageTensor(dataset=str(tmp_path), positive_class=7, train_images=5, test_images=10), 0)
    model = Autoencoder(latent=2, channels=1)
    method = method_of(model, problem, start_of(network_of(model), 0))
    assert isinstance(network_of(model), AutoencoderModel)
    assert math.isfinite(method.measured(0)["test_error"])
