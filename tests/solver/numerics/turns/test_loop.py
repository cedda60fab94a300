"""The loop alone, with parts, a journal, an ear and a keeper that only note what they are asked."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import pytest

from solver.numerics.turns.loop import Begun, take_turns
from solver.numerics.turns.spent import Spent
from solver.numerics.turns.turn import Turn, Turns
from solver.records import AnyRecord, Event, LaneEnding, Outcome, OutcomeKind, State


def ended(lane: int, kind: OutcomeKind = "converged", reason: str = "") -> LaneEnding:
    return LaneEnding(lane=lane, outcome=Outcome(kind=kind, reason=reason or f"reason of {lane}"))


def turn(*words: str | LaneEnding) -> Turn:
    """Records that say these words."""
    return [Event(lane=None, name="said", text=word) if isinstance(word, str) else word for word in words]


def word(record: AnyRecord) -> str:
    if isinstance(record, Event):
        return record.text
    if isinstance(record, LaneEnding):
        return f"lane {record.lane} {record.outcome.kind}"
    assert isinstance(record, State)
    return record.state


class Seen(list[str]):
    """What was asked of whom, in order."""


class Part(Turns):
    """Gives what it was told to give."""

    def __init__(self, name: str, turns: Sequence[Turn], seen: list[str], lanes: Sequence[int] = ()) -> None:
        self.name, self.seen = name, seen
        self.left = deque(turns)
        self.ahead: list[Turn] = []
        self._lanes = list(lanes)

    def records(self) -> Iterator[Turn]:
        self.seen.append(f"{self.name} begins")
        while self.left:
            self.seen.append(f"{self.name}?")
            yield self._given(self.left.popleft())
        self.seen.append(f"{self.name} is over")

    def _given(self, given: Turn) -> Turn:
        for record in given:
            if isinstance(record, LaneEnding):
                self._lanes.remove(record.lane)
        return given

    def lanes(self) -> list[int]:
        return list(self._lanes)

    def state(self) -> Mapping[str, object]:
        return {"left": list(self.left)}

    def move(self) -> None:
        self.seen.append(f"{self.name} moves")

    def halt(self) -> list[Turn]:
        self.seen.append(f"{self.name} halts")
        ahead, self.ahead = self.ahead, []
        return [self._given(one) for one in ahead]

    def end(self, outcome: Outcome) -> Turn:
        self.seen.append(f"{self.name} ends")
        return [*turn(f"{self.name} last"), *(LaneEnding(lane=lane, outcome=outcome) for lane in self._lanes)]

    def again(self, seen: list[str]) -> Part:
        """The same as it is now, for a run that is taken up."""
        return type(self)(self.name, list(self.left), seen, self._lanes)


class Free(Part):
    MOVES_ON_WITHOUT_RECORDS = True


class Ear:
    """Hears a stop, or sees a second go by, at every ``listen``."""

    def __init__(self, stop_at: int = -1, before_s: float = 0.0) -> None:
        self.stop_reason, self.before_s = "", before_s
        self.heard, self._stop_at = 0, stop_at

    def start_clock(self) -> None:
        assert self.heard == 0

    def elapsed_s(self) -> float:
        return self.before_s + self.heard

    def hear(self) -> None:
        self.heard += 1
        if self.heard == self._stop_at:
            self.stop_reason = "it was asked to stop"


class Journal:
    def __init__(self, seen: list[str], ear: Ear) -> None:
        self.seen, self._ear = seen, ear
        self.written: list[AnyRecord] = []

    def write(self, record: AnyRecord) -> None:
        self.written.append(record)
        self.seen.append(f"write {word(record)}")

    def listen(self) -> None:
        self._ear.hear()
        self.seen.append("listen")

    def words(self) -> list[str]:
        return [word(record) for record in self.written]


class Look:
    """What the keeper was shown: enough to take the run up from there."""

    def __init__(self, parts: list[Turns], position: int, last: bool, n_written: int) -> None:
        self.parts = [part.again([]) for part in parts if isinstance(part, Part)]
        self.position, self.last, self.n_written = position, last, n_written

    @property
    def next(self) -> str:
        return self.parts[self.position % len(self.parts)].name


class Keeper:
    def __init__(self, seen: list[str], journal: Journal) -> None:
        self._seen, self._journal = seen, journal
        self.looks: list[Look] = []

    def look(self, parts: list[Turns], position: int, *, last: bool) -> None:
        self._seen.append("look at the last" if last else "look")
        self.looks.append(Look(parts, position, last, len(self._journal.written)))


class Taken:
    """A run of these parts to its end."""

    def __init__(
        self,
        parts: Sequence[Part],
        seen: list[str],
        *,
        ear: Ear | None = None,
        position: int = 0,
        outcomes: dict[int, Outcome] | None = None,
        max_seconds: float | None = None,
    ) -> None:
        self.seen = seen
        ear = Ear() if ear is None else ear
        self.journal = Journal(seen, ear)
        self.keeper = Keeper(seen, self.journal)
        self.begun = Begun(list(parts), {} if outcomes is None else outcomes, position)
        self.outcome = take_turns(self.begun, self.journal, ear, self.keeper, max_seconds, Spent())
        self.words = self.journal.words()

    def asked(self) -> list[str]:
        """Whose turns were asked for, in order."""
        return [one[:-1] for one in self.seen if one.endswith("?")]


def three(seen: list[str]) -> list[Part]:
    """A part that moves on without records, and two batches."""
    return [
        Free("f", [turn("f1"), [], turn("f2")], seen),
        Part("a", [turn("a1"), [], [], turn("a2", "a3"), turn("a4", ended(0))], seen, [0]),
        Part("b", [turn("b1"), turn("b2", ended(1)), turn("b3")], seen, [1]),
    ]


WHOLE = ["running", "f1", "a1", "b1", "a2", "a3", "b2", "lane 1 converged", "f2", "a4", "lane 0 converged", "b3"]


def test_parts_take_turns_in_their_order() -> None:
    """A batch's empty turns do not pass the turn on; one of a part that moves on does."""
    taken = Taken(three(seen := Seen()), seen)
    assert taken.words == WHOLE
    assert "".join(taken.asked()) == "fab" + "faaab" + "fab"
    assert taken.outcome.kind == "converged"


def test_every_turn_is_heard_written_and_looked_after_in_this_order() -> None:
    """The keeper counts the records of the turn as written, so it comes after them, also after a turn without any."""
    taken = Taken([Part("a", [turn("a1"), [], turn("a2", ended(0))], seen := Seen(), [0])], seen)
    ask, look = "a?", "look"
    assert taken.seen == [
        *["write running", "a begins"],
        *[ask, "listen", "write a1", look],
        *[ask, "listen", look],
        *[ask, "listen", "write a2", "write lane 0 converged", look],
        "a is over",
    ]


def test_a_part_that_is_over_leaves_and_nobody_loses_a_turn() -> None:
    parts = [
        Part("a", [turn("a1"), turn("a2"), turn("a3", ended(0))], seen := Seen(), [0]),
        Part("b", [turn("b1", ended(1))], seen, [1]),
        Part("c", [turn("c1"), turn("c2"), turn("c3", ended(2))], seen, [2]),
    ]
    taken = Taken(parts, seen)
    assert "".join(taken.asked()) == "abc" + "ac" + "ac"
    assert taken.seen.count("b is over") == 1
    assert [len(look.parts) for look in taken.keeper.looks] == [3, 3, 3, 3, 2, 2, 2]
    assert taken.begun.parts == parts, "what was begun is the caller's"


def test_the_keeper_is_told_whose_turn_is_next() -> None:
    taken = Taken(three(seen := Seen()), seen)
    looks = taken.keeper.looks
    assert "".join(look.next for look in looks) == "ab" + "faaabf" + "abf"
    assert not any(look.last for look in looks)


@pytest.mark.parametrize("at", range(11))
def test_a_run_taken_up_where_the_keeper_looked_writes_what_was_left(at: int) -> None:
    """At every look: parts, position and what was written by then are of one moment."""
    look = Taken(three(seen := Seen()), seen).keeper.looks[at]
    # Lanes that have ended by then are under way in no part.
    endings = {0: ended(0).outcome, 1: ended(1).outcome}
    under_way = {lane for part in look.parts for lane in part.lanes()}
    outcomes = {lane: outcome for lane, outcome in endings.items() if lane not in under_way}
    again = Taken(look.parts, [], position=look.position, outcomes=outcomes)
    assert again.words == ["running", *WHOLE[look.n_written :]]
    assert again.outcome.reason == "all 2 lanes reached their training loss"


def test_a_position_beyond_the_parts_is_the_first_again() -> None:
    """It is counted on after the last part's turn, and so it is saved."""
    parts = [Part("a", [turn("a1")], seen := Seen()), Part("b", [turn("b1")], seen)]
    taken = Taken(parts, seen, position=2, outcomes={0: ended(0).outcome})
    assert taken.words == ["running", "a1", "b1"]


def stopped_parts(seen: list[str]) -> list[Part]:
    a = Part("a", [turn("a1"), turn("never")], seen, [0, 1])
    b = Part("b", [turn("b1"), turn("never")], seen, [2])
    c = Free("c", [turn("c1"), turn("never")], seen)
    a.ahead = [turn("a ahead"), turn("a further", ended(1))]
    b.ahead = [turn("b ahead")]
    return [a, b, c]


def test_a_stop_writes_what_was_ahead_then_saves_then_ends_every_lane_once() -> None:
    """What workers had taken ahead counts as written in the last checkpoint; the last states are beyond it."""
    taken = Taken(stopped_parts(seen := Seen()), seen, ear=Ear(stop_at=2))
    last = seen.index("b?")
    assert seen[last:] == [
        *["b?", "listen", "write b1"],
        *["a halts", "write a ahead", "write a further", "write lane 1 converged"],
        *["b halts", "write b ahead", "c halts"],
        "look at the last",
        *["a ends", "write a last", "write lane 0 stopped"],
        *["b ends", "write b last", "write lane 2 stopped"],
        *["c ends", "write c last"],
    ]
    endings = [record.lane for record in taken.journal.written if isinstance(record, LaneEnding)]
    assert sorted(endings) == [0, 1, 2]
    assert [look.last for look in taken.keeper.looks] == [False, True]
    assert taken.keeper.looks[-1].next == "c", "the turn was taken, so the next one is due"
    assert taken.outcome.kind == "stopped"
    assert taken.outcome.reason == "2 of 3 lanes, the first of them: it was asked to stop"


def test_a_part_that_was_over_is_not_ended_again() -> None:
    parts = [
        Part("a", [turn("a1", ended(0))], seen := Seen(), [0]),
        Part("b", [turn("b1"), turn("b2"), turn("b3")], seen, [1]),
    ]
    taken = Taken(parts, seen, ear=Ear(stop_at=3))
    assert taken.words == ["running", "a1", "lane 0 converged", "b1", "b2", "b last", "lane 1 stopped"]
    assert "a halts" not in seen
    assert "a ends" not in seen


def test_a_stop_as_the_last_lane_ends_leaves_the_lanes_own_outcome() -> None:
    taken = Taken([Part("a", [turn("a1", ended(0))], seen := Seen(), [0])], seen, ear=Ear(stop_at=1))
    assert taken.words == ["running", "a1", "lane 0 converged", "a last"]
    assert taken.outcome == ended(0).outcome


@pytest.mark.parametrize("before_s", [0.0, 100.0])
def test_max_seconds_are_those_since_the_run_was_taken_up(before_s: float) -> None:
    """Resuming gives it as much again; it is the time that counts, a second a turn here."""
    parts = [Part("a", [turn(str(k)) for k in range(9)], seen := Seen(), [0])]
    parts[0].ahead = [turn("ahead")]
    taken = Taken(parts, seen, ear=Ear(before_s=before_s), max_seconds=3.0)
    assert taken.words == ["running", "0", "1", "2", "ahead", "a last", "lane 0 max-seconds"]
    assert taken.outcome.kind == "max-seconds"
    assert re.search(r"\b3 s\b", taken.outcome.reason), "those before are not counted"
    assert taken.outcome.cure
    assert [look.last for look in taken.keeper.looks] == [False, False, True]


def test_every_part_moves_before_the_clock_ends_the_run_and_none_before_a_stop() -> None:
    """However little time there was, a run that is taken up again and again comes on in every lane."""
    for stop_at, moves in ((-1, 2), (1, 0)):
        parts = [Part(name, [turn(name)] * 9, seen := Seen(), [k]) for k, name in enumerate("ab")]
        for part in parts:
            part.seen = seen
        Taken(parts, seen, ear=Ear(stop_at=stop_at), max_seconds=1.0)
        asked = [said for said in seen if said.endswith(("moves", "halts"))]
        assert asked == ["a moves", "b moves", "a halts", "b halts"][2 - moves :]


def test_without_max_seconds_a_run_takes_all_its_time() -> None:
    parts = [Part("a", [*(turn(str(k)) for k in range(9)), turn(ended(0))], seen := Seen(), [0])]
    assert Taken(parts, seen, ear=Ear(before_s=1e9)).outcome.kind == "converged"


def test_a_stop_says_more_than_the_clock() -> None:
    parts = [Part("a", [turn("a1"), turn("a2")], seen := Seen(), [0])]
    assert Taken(parts, seen, ear=Ear(stop_at=1), max_seconds=1.0).outcome.kind == "stopped"


@pytest.mark.parametrize(
    ("before", "inside", "worst"),
    [
        ("diverged", "converged", "diverged"),
        ("converged", "max-steps", "max-steps"),
        ("max-time", "failed", "failed"),
    ],
)
def test_the_outcome_is_the_worst_of_all_lanes(before: OutcomeKind, inside: OutcomeKind, worst: OutcomeKind) -> None:
    """Those that ended before the run was taken up, and are under way no more, included."""
    parts = [Part("a", [turn(ended(0, inside)), turn(ended(1))], seen := Seen(), [0, 1])]
    given = {7: ended(7, before).outcome}
    taken = Taken(parts, seen, outcomes=given)
    assert taken.outcome.kind == worst
    assert "of 3 lanes" in taken.outcome.reason
    assert list(given) == [7], "what was begun is the caller's"


def test_the_lane_that_is_named_is_the_first_not_the_first_to_end() -> None:
    """The outcome must not depend on which batch was quicker."""
    parts = [Part("a", [turn(ended(5, "diverged")), turn(ended(2, "diverged"))], seen := Seen(), [2, 5])]
    assert Taken(parts, seen).outcome.reason == "2 of 2 lanes, the first of them: reason of 2"


def test_a_run_that_was_over_says_so_again() -> None:
    taken = Taken([], [], outcomes={0: ended(0, "max-steps").outcome})
    assert taken.words == ["running"]
    assert taken.outcome.kind == "max-steps"
    assert taken.keeper.looks == []
