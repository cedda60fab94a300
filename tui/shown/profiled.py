"""Where the time of a run went, as lines of a table."""

from __future__ import annotations

from collections.abc import Callable

from solver.profile import Profile

_WORDS = {
    "start": "start: torch, problems, lanes",
    "waiting": "waiting for the lanes' processes",
    "paused": "pauses and commands",
    "writing": "writing the log",
    "claims": "judging claims",
}


def lines(profile: Profile | None, label: Callable[[int], str]) -> list[str]:
    """The solver's own seconds, and below those of each lane by what they went into."""
    if profile is None:
        return ["no profile: the solver was killed, or there was no room for one"]
    lanes = profile.lanes
    here = profile.here
    left = profile.total_s - sum(here.values())
    of_lanes = sum(one.training_s + one.recording_s + one.pictures_s for one in lanes)
    # Frames may have been measured by processes of their own where lanes were not trained by some.
    apart = here["waiting"] > 0.0 or of_lanes > left
    if not here["waiting"]:
        # They trained in the solver itself.
        here |= {"lanes, below": min(of_lanes, left)}
    here |= {"the rest": profile.total_s - sum(here.values())}
    told = [f"{profile.total_s:9.2f} s in all"]
    told += [f"{seconds:9.2f} s {_WORDS.get(name, name)}" for name, seconds in here.items() if seconds >= 0.005]
    if lanes:
        told.append(f" training recording  pictures  lane{', beside each other' if apart else ''}")
    for one in lanes:
        seconds = (one.training_s, one.recording_s, one.pictures_s)
        told.append(" ".join(f"{value:9.2f}" for value in seconds) + f"  {label(one.lane)}")
    return told
