"""The runs whose numbers are set beside the published ones: presets with the papers' own settings."""

from __future__ import annotations

from presets import order_of
from solver.rundir import Order


def orders() -> dict[str, Order]:
    """Every run by its name, the longest first."""
    recovery = {"seeds": 4, "stop.max_steps": 20_000, "record.geometric": 4}
    beyond = {"seeds": 20, "stop.train_loss": None, "record.every": 100, "record.cp_rank": False, "record.rates": 0}
    return {
        "mnist": order_of(
            "mnist-rank",
            "paper",
            {"stop.max_steps": 10_000, "record.every": 1_000},
            {"model.components": [1, 3, 5]},
        ),
        # The paper's width of codes, at a fortieth of its length and on fewer images.
        "codes": order_of(
            "irmae",
            "default",
            {"seeds": 1, "model.latent": 128, "stop.max_steps": 1_000, "record.every": 250, "record.geometric": 1}
            | {f"variants.relu-{n}": "none" for n in (4, 8)},
        ),
        "components": order_of(
            "tf-components", "default", {"stop.max_steps": 30_000, "seeds": 2, "record.every": 250, "record.rates": 0}
        ),
        "kinds": order_of("three-factorizations", "default", {"seeds": 5}),
        "hierarchical": order_of(
            "htf-components",
            "default",
            {"problem.ht_rank": [5, 5], "stop.max_steps": 20_000, "record.every": 200, "record.rates": 0},
        ),
        "dynamics": order_of("mf-dynamics", "default", {"seeds": 3, "record.rates": 0}, {"model.depth": [2, 3]}),
        "recovery": order_of(
            "low-rank-recovery",
            "paper",
            recovery,
            {"problem.observations": [2000, 5000], "model.depth": [1, 2, 3, 4], "model.init_scale": [1e-3]},
        ),
        "authors": order_of(
            "low-rank-recovery",
            "paper",
            {
                "seeds": 1,
                "optimizer.kind": "group-rmsprop",
                "optimizer.step_size": 1e-3,
                "optimizer.eps": 1e-4,
                "stop.max_steps": 100_000,
            },
            {"problem.observations": [2000], "model.depth": [2, 3, 4], "model.init_scale": [1e-3]},
        ),
        "robust": order_of("low-rank-recovery", "quick", {"seeds": 5}),
        "order-3": order_of(
            "tf-rank",
            "paper",
            {"record.cp_rank": False, "record.rates": 0},
            {
                "model.init_std": [1e-3],
                "problem.observations": [50, 100, 150, 200],
            },
        ),
        # The authors' rule to stop looks at every hundredth step: they are recorded, and nothing else stops a lane.
        "order-3 rule": order_of(
            "tf-rank",
            "paper",
            {**beyond, "stop.max_steps": 1_500},
            {"model.init_std": [1e-3], "problem.observations": [100, 150, 200]},
        ),
        "order-3 rule, 50": order_of(
            "tf-rank",
            "paper",
            {**beyond, "stop.max_steps": 10_000},
            {"model.init_std": [1e-3], "problem.observations": [50]},
        ),
        "order-3 flow": order_of(
            "tf-rank",
            "default",
            {"seeds": 5, "record.rates": 0, "record.cp_rank": False},
            {
                "model.init_std": [1e-3],
                "problem.observations": [50, 100, 150, 200],
            },
        ),
        "order-4": order_of(
            "tf-rank",
            "paper",
            {
                **beyond,
                "seeds": 2,
                "stop.max_steps": 45_000,
                "dtype": "float32",
                "problem.shape": [8, 8, 8, 8],
                "model.components": 512,
            },
            {"model.init_std": [1e-3], "problem.observations": [1000]},
        ),
        "2x2": order_of(
            "det-2x2",
            "default",
            {"seeds": 5, "record.rates": 0},
            {"model.det_sign": ["positive"], "model.depth": [2, 3, 4]},
        ),
        "2x2 tight": order_of(
            "det-2x2",
            "default",
            {"seeds": 5, "record.rates": 0, "optimizer.rtol": 1e-12, "optimizer.atol": 1e-15, "record.per_step": 1},
            {"model.det_sign": ["positive"], "model.depth": [2]},
        ),
    }
