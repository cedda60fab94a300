"""Which devices a run takes, and lanes shared out over several; devices that are not there are stood in for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from solver import settings
from solver.numerics import device as devices
from solver.numerics.device import Found, Unavailable, described
from solver.numerics.turns import grouping
from solver.numerics.turns.crew import Crew, Share
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.spec import RunSpec
from tests.solver.resuming import StoppingEar
from tests.solver.small import directory, finished, trained, without_clocks

# Lanes as large as these train by themselves: those of another batch differ in their last digits.
SWEEP: dict[str, list[Any]] = {"model.depth": [1, 2, 3]}
CHANGES = {"problem.shape": [34, 34], "problem.observations": 500, "stop.max_steps": 15, "seeds": 2}


def gpu(index: int) -> Found:
    about = {"device": f"cuda:{index}", "name": "Stand-in", "memory_bytes": 8, "uuid": f"GPU-{index}"}
    return Found(torch.device("cuda", index), 2**40, about)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_n_gpus", lambda: 4)
    monkeypatch.setattr(devices, "_found", lambda one: gpu(one.index) if one.type == "cuda" else Found(one, 1, {}))
    monkeypatch.setattr(devices, "_looked_at", lambda indices: [gpu(index) for index in indices])


def chosen(device: str, seconds: float = 1e9, largest: int = 10**6) -> list[str]:
    return [str(one.device) for one in devices.choose(RunSpec(device=device), largest, seconds)]


@pytest.mark.usefixtures("four_gpus")
def test_all_gpus_that_there_is_work_for_or_those_named() -> None:
    assert chosen("cpu") == ["cpu"]
    assert chosen("auto") == ["cuda:0"], "somebody else may want the others"
    assert chosen("auto", largest=10) == ["cpu"]
    assert chosen("cuda") == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert chosen("cuda", seconds=25.0) == ["cuda:0", "cuda:1"]
    assert chosen("cuda", seconds=0.1) == ["cuda:0"]
    assert chosen("cuda:2") == ["cuda:2"]
    assert chosen("cuda:3,0", seconds=0.1) == ["cuda:3", "cuda:0"]
    assert chosen("cuda:1,1") == ["cuda:1", "cuda:1"]


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize("device", ["cuda:4", "cuda:0,4"])
def test_a_gpu_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(Unavailable, match=rf"device {device} was asked for, but there are 4, numbered from 0"):
        chosen(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:0,1"])
def test_without_any_the_build_is_told_of(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr(devices, "_n_gpus", lambda: 0)
    with pytest.raises(Unavailable, match="no CUDA device is available here"):
        chosen(device)


def test_tf32_takes_a_gpu_and_is_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_n_gpus", lambda: 0)
    with pytest.raises(Unavailable, match="no CUDA device is available here: set dtype float32"):
        devices.choose(RunSpec(dtype="tf32"), 10, 1.0)
    monkeypatch.setattr(devices, "_n_gpus", lambda: 1)
    monkeypatch.setattr(devices, "_found", lambda one: gpu(one.index))
    assert str(devices.choose(RunSpec(dtype="tf32"), 10, 1.0)[0].device) == "cuda:0"


def test_gpus_that_cannot_be_looked_at_are_one_sentence() -> None:
    """Here, where there are none: the process that looks fails, and the run with it."""
    if torch.cuda.is_available():
        pytest.skip("GPUs can be looked at here")
    with pytest.raises(Unavailable, match=r"the GPUs \[0, 1\] could not be looked at"):
        devices._looked_at([0, 1])


def test_several_are_described_together() -> None:
    assert described([gpu(0)]) == gpu(0).about
    together = {"device": "cuda:0,2", "name": "2 × Stand-in", "memory_bytes": 16, "uuid": "GPU-0,GPU-2"}
    assert described([gpu(0), gpu(2)]) == together


@pytest.mark.parametrize("value", ["cuda:", "cuda:,1", "cuda:0,", "cuda:0;1", "cuda:-1", "cuda0,1"])
def test_no_other_words_name_devices(value: str) -> None:
    with pytest.raises(BadSetting, match="cuda:N or cuda:N,M"):
        settings.decode(settings.apply({}, [("device", value)], []))


def lanes_of(n: int) -> list[settings.LaneSpec]:
    return settings.lanes(settings.decode(settings.apply({}, [("seeds", n)], [("model.depth", [2, 4])])))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_batches_are_divided_by_cost_and_every_lane_is_in_one_part(n: int) -> None:
    batches = grouping.group(lanes_of(5), torch.device("cuda"))
    parts = grouping.divided(batches, n)
    assert [lane.index for part in parts for lane in part] == [lane.index for batch in batches for lane in batch]
    assert len(parts) == sum(min(n, len(batch)) for batch in batches)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    loads = [sum(len(parts[number]) for number in share) for share in grouping.spread(dict(enumerate(parts)), n)]
    assert len(loads) == n
    assert max(loads) - min(loads) <= 2


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Three devices that are this CPU; what each trains is noted."""
    three = [devices._found(torch.device("cpu"))] * 3
    monkeypatch.setattr(devices, "choose", lambda *_: three)
    hired: list[list[int]] = []
    hire = Crew.hire

    def noted(crew: Crew, shares: list[Share], n_measurers: int) -> Any:
        hired.append([run.lane.index for share in shares for run in share.runs])
        return hire(crew, shares, n_measurers)

    monkeypatch.setattr(Crew, "hire", noted)
    return hired


def by_lane(made: RunDirectory) -> dict[str, list[str]]:
    """The log of each lane, in order: batches of other lanes take turns otherwise."""
    found: dict[str, list[str]] = {}
    for line in without_clocks(made):
        found.setdefault(line.partition("lane=")[2].partition(",")[0], []).append(line)
    return found


def one_device() -> dict[str, list[str]]:
    return by_lane(finished(CHANGES, SWEEP))


def test_every_lane_is_as_on_one_device(stand_ins: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    spread = finished(CHANGES, SWEEP)
    assert sorted(lane for share in stand_ins for lane in share) == list(range(6))
    assert len(stand_ins) == 3
    assert all(stand_ins)
    monkeypatch.undo()
    alone = one_device()
    assert by_lane(spread) == alone


@pytest.mark.parametrize("goes_on_with", [1, 3])
def test_a_run_on_several_goes_on_with_as_many_as_there_are(
    stand_ins: list[list[int]], monkeypatch: pytest.MonkeyPatch, goes_on_with: int
) -> None:
    made = directory(CHANGES, SWEEP)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 20, 50, die=True))
    assert len(stand_ins) == 3
    if goes_on_with == 1:
        monkeypatch.undo()
    trained(made)
    found = by_lane(made)
    monkeypatch.undo()
    assert found == one_device()
