"""How a run stands, the first thing a person asks: did its claims hold, did it end as it should, what has come out."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from solver import expected
from solver.history import History
from solver.progress import Progress
from tui.draw.cells import TEXT
from tui.draw.palette import BAD, BUSY, GOOD
from tui.shown import claim_pages
from tui.text import duration, inert, quantity
from tui.watch.seen import Seen

# Never by colour alone: every state has a sign and a word.
_STATES = {
    "starting": ("…", BUSY),
    "running": ("▶", GOOD),
    "paused": ("‖", BUSY),
    "waiting-for-disk": ("‖", BUSY),
    "suspended": ("‖", BUSY),
    "not started": ("✗", BAD),
    "converged": ("✓", GOOD),
    "max-steps": ("■", TEXT),
    "max-time": ("■", TEXT),
    "max-seconds": ("■", TEXT),
    "stopped": ("■", TEXT),
    "diverged": ("✗", BAD),
    "failed": ("✗", BAD),
    "killed": ("✗", BAD),
    "replayed": ("↺", BUSY),
}


class Standing(NamedTuple):
    """The state of a run in few words."""

    sign: str
    colour: int
    words: str


def standing(seen: Seen, state: str) -> Standing:
    """The state; of a run that has ended, how its lanes did, where the preset foresees ends that look like none."""
    sign, colour = _STATES.get(state, ("?", TEXT))
    outcomes = [lane.outcome for lane in seen.history.lanes if lane.outcome is not None]
    expected_ends = [one for one in outcomes if seen.order.preset.foreseen(one)]
    converged = sum(one.kind == "converged" for one in outcomes)
    if len(outcomes) < len(seen.history.lanes) or seen.history.ending is None or not expected_ends:
        # Killed, suspended or without a disk is none of the ends that were foreseen.
        return Standing(sign, colour, state)
    if len(outcomes) > len(expected_ends) + converged:
        return Standing(sign, colour, state)
    if len(expected_ends) == len(outcomes) and len({one.kind for one in outcomes}) == 1:
        return Standing("■", GOOD, f"{outcomes[0].kind} as foreseen")
    return Standing("✓", GOOD, f"{converged} converged, {len(expected_ends)} stopped as foreseen")


def of_claims(history: History, names: list[str]) -> Standing | None:
    """How many of the claims hold; None where there are none, or nothing is known of any yet."""
    verdicts = Counter(history.claims[name].verdict for name in names if name in history.claims)
    if not names or not verdicts:
        return None
    holds, fails, n = verdicts["holds"], verdicts["fails"], len(names) - verdicts["not-applicable"]
    if not n:
        return Standing("–", TEXT, "no claim is applicable")
    if fails:
        return Standing("✗", BAD, f"{fails} of {n} claims fail{'s' * (fails == 1)}")
    words = f"{holds} of {n} claim{'s' * (n != 1)} hold{'s' * (holds == 1)}"
    return Standing("✓", GOOD, words) if holds == n else Standing("…", BUSY, words)


def headline(seen: Seen, state: str, now: Progress, device: str) -> list[tuple[str, int]]:
    """What stands beside the title, the most important first: the claims, the state, the time, the device."""
    history = seen.history
    claims = of_claims(history, seen.order.preset.claims)
    whole = standing(seen, state)
    told = [(f"{claims.sign} {claims.words}", claims.colour)] if claims is not None else []
    told.append((f"{whole.sign} {whole.words}", whole.colour))
    if history.ending is not None:
        told.append((duration(history.elapsed_s()), TEXT))
    elif state in ("running", "paused"):
        # While it runs the time that is left is asked for before what may come out.
        told.insert(0, (f"{now.fraction:.0%} · {duration(now.seconds_left)} left", TEXT))
    return [*told, (device, TEXT)]


def outcome(seen: Seen, own: str) -> str:
    """The result of a run that has ended in words, and what there is to say of its end; ``own`` is the run's."""
    preset, history = seen.order.preset, seen.history
    assert history.ending is not None
    failing = [name for name in preset.claims if name in history.claims and history.claims[name].verdict == "fails"]
    told = []
    if failing:
        told.append(f"fails: {', '.join(f'{name} ({claim_pages.compared(history.claims[name])})' for name in failing)}")
    result = expected.result(preset.results, history, quantity)
    if result:
        told.append(inert(result, 400))
    reasons = [preset.foreseen(lane.outcome) for lane in history.lanes if lane.outcome is not None]
    standing_now = standing(seen, history.state)
    if standing_now.words != history.state:
        told += dict.fromkeys(f"as foreseen: {inert(reason, 200)}" for reason in reasons if reason)
    elif not result or history.ending.outcome.kind != "converged":
        told.append(own)
    return " · ".join(told)
