"""profile.json: where the seconds of a run went, as its solver counted them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from solver.files import read_whole, write_private
from solver.rundir import RunDirectory


class LaneSeconds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a lane, in whatever processes train and measure it; lanes that train together share what their steps took."""

    lane: int
    training_s: float = 0.0
    """Steps, and whatever the method does between two looks."""
    recording_s: float = 0.0
    """Frames, the inner ones too, and what is measured of the last state."""
    pictures_s: float = 0.0
    """Arrays to look at."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Wall seconds of the solver; what other processes train and measure is beside it."""

    total_s: float
    start_s: float
    """Until the first turn: torch and the solver imported, problems drawn, lanes begun or taken up."""
    baselines_s: float
    claims_s: float
    """Claims judged."""
    writing_s: float
    """Records encoded and handed to the system, claims left out."""
    checkpoints_s: float
    waiting_s: float
    """For processes that train lanes."""
    paused_s: float
    """Commands heard, and pauses."""
    lanes: list[LaneSeconds]
    """Empty where none was begun."""

    @property
    def here(self) -> dict[str, float]:
        """By what they went into, the seconds of the solver's own process that belong to no lane."""
        fields = msgspec.structs.asdict(self)
        return {name.removesuffix("_s"): fields[name] for name in fields if name not in ("total_s", "lanes")}

    def after(self, before: Profile | None) -> Profile:
        """With what the run took before it was taken up again."""
        if before is None:
            return self
        lanes = {one.lane: one for one in before.lanes}
        sums = {
            one.lane: LaneSeconds(lane=one.lane, **{name: _sum(name, one, lanes.get(one.lane)) for name in _OF_LANE})
            for one in self.lanes
        }
        return Profile(
            **{name: _sum(name, self, before) for name in _OF_RUN},
            lanes=[(lanes | sums)[lane] for lane in sorted(lanes | sums)],
        )


_OF_LANE = [name for name in LaneSeconds.__struct_fields__ if name != "lane"]
_OF_RUN = [name for name in Profile.__struct_fields__ if name != "lanes"]


def _sum(name: str, one: object, other: object) -> float:
    seconds: float = getattr(one, name) + (0.0 if other is None else getattr(other, name))
    return round(seconds, 6)


def of(run: Mapping[str, float], lanes: Mapping[int, Mapping[str, float]]) -> Profile:
    """What was counted under the names of the fields, of the run and by lane."""
    return Profile(
        **{name: round(run.get(name, 0.0), 6) for name in _OF_RUN},
        lanes=[
            LaneSeconds(lane=lane, **{name: round(found.get(name, 0.0), 6) for name in _OF_LANE})
            for lane, found in sorted(lanes.items())
        ],
    )


def read(directory: RunDirectory) -> Profile | None:
    """None for a run of an older version, one that has not ended, and one whose solver was killed."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(read_whole(directory.profile), type=Profile)
    return None


def write(directory: RunDirectory, profile: Profile) -> None:
    """Adds to what is there. A run is worth more than its profile: where there is no room, there is none."""
    with contextlib.suppress(OSError):
        write_private(directory.profile, msgspec.json.encode(profile.after(read(directory))) + b"\n")
