"""What must never happen, tried: each promise with its trials, at the full number by ``make soak``."""

from soak import damage, disks, inputs, solving, suite, terminals

_ROOMS = (solving, damage, terminals, disks, inputs, suite)
PROMISES = [promise for room in _ROOMS for promise in room.PROMISES]
