"""What must never happen, tried: each promise with its trials, at the full number by ``make soak``."""

from soak import damage, disks, solving, terminals

PROMISES = [*solving.PROMISES, *damage.PROMISES, *terminals.PROMISES, *disks.PROMISES]
