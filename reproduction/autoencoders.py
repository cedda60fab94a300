"""The section on autoencoders with linear layers between encoder and decoder."""

from __future__ import annotations

from reproduction.sections import Histories, baseline, lanes, last, shown, table


def autoencoders(histories: Histories) -> str:
    history = histories["codes"]
    rows = []
    for n in (0, 2, 4, 8):
        (lane,) = lanes(history, variant=f"linear-{n}")
        values = [column[-1] for column in lane.vectors["code_spectrum"]]
        places = " ".join(shown(values[place - 1]) for place in (2, 8, 32, 128))
        told = [f"{last(lane, f'code_accuracy_{labels}'):.3f}" for labels in (100, 1000)]
        rows.append(
            [
                str(n),
                f"{last(lane, 'code_rank'):.0f}",
                shown(last(lane, "code_effective_rank"), 3),
                places,
                shown(last(lane, "test_error"), 3),
                shown(last(lane, "collapse_difference")),
                *told,
            ]
        )
    steps = int(last(history.lanes[0], "step"))
    first = history.lanes[:1]
    (linear,), (constant,) = (baseline(history, first, name, "test_error") for name in ("linear", "constant"))
    supervised = [baseline(history, first, "supervised", f"accuracy_{labels}")[0] for labels in (100, 1000)]
    head = [
        "l",
        "values above 1 %",
        "effective rank",
        "2nd, 8th, 32nd, 128th value",
        "test error",
        "collapsed differs by",
    ]
    head += ["told from 100 labels", "from 1,000"]
    return f"""## Autoencoders: MNIST, codes of 128 numbers, l linear layers between encoder and decoder

Jing, Zbontar, LeCun 2020: with l = 0, 2, 4, 8 the singular values of the covariance of the test codes, over the largest, end ever
earlier, and few labels tell more from such codes than from those of other autoencoders. Published are curves, whose values were not
read; ours are eigenvalues of that covariance after {steps:,} steps.

{table(head, rows)}
The mean image errs by {constant:.4f}, the best linear autoencoder of 128 numbers by {linear:.4f}; the encoder's shape trained on 100
and 1,000 labels alone tells {supervised[0]:.3f} and {supervised[1]:.3f}.

Differences. **The length**: 100 epochs of 60,000 images with Adam 1e-4 in batches of 32, 187,500 steps, against {steps:,} on 12,000 with 1e-3
in batches of 64: `irmae --size paper` is that, and was not run. **The unit**: images of 28 × 28 and one bit a pixel, not of 32 × 32
and grey, and 16 and 32 channels. The order of the ranks is the published one. So short a training leaves more layers with a larger
error, and eight too few values to tell classes by.
"""
