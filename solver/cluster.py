"""A Dask cluster that trains the lanes of a run: its address, who works there, and whether they are as we are.

``distributed`` is an extra, and imported only where a cluster is asked for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import hashlib
import importlib.metadata
import importlib.util
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from solver import machine, settings
from solver.data_files import DATASETS, IDX_FILES
from solver.refusal import BadSetting
from solver.spec import ImageTensor, RunSpec
from solver.version import VERSION

_CONNECT_S = 10.0
RECONNECT_S = 60.0
_INSTALL = "pip install 'implicit-tui[cluster]'"
# Another build of the same version, for a GPU say, is none of them.
_VERSIONED = ("torch", "numpy", "distributed")


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may train lanes."""

    address: str
    threads: int
    resources: dict[str, float]
    """What it says that it has, by Dask's names for it; nothing where it says nothing."""
    free_bytes: int
    """Main memory."""


_ADDRESS = re.compile(r"(?:tcp|tls)://(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})")


def checked_address(text: str) -> str:
    """The address of a scheduler as typed. Raises BadSetting for what is none, and where distributed is missing."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise BadSetting(
            f"--cluster must be tcp://HOST:PORT or tls://HOST:PORT, not {text[:80]!r}: `dask scheduler` prints its own",
            "cluster",
        )
    if importlib.util.find_spec("distributed") is None:
        raise BadSetting(f"--cluster needs distributed, which is not installed: {_INSTALL} brings it", "cluster")
    return text.strip()


def connected(address: str) -> Any:
    """A client of the scheduler at ``address``, to be closed. Raises BadSetting where none answers."""
    found = _ADDRESS.fullmatch(checked_address(address))
    assert found is not None
    from distributed import Client

    try:
        # Dask would try again and again where nobody listens.
        socket.create_connection((found[1].strip("[]"), int(found[2])), _CONNECT_S).close()
        # In a thread, as the one that asks may have a loop of its own.
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            kind = threads.submit(asyncio.run, _kind_of(address)).result()
        if kind == "Scheduler":
            # One that is lost later is looked for that long.
            return Client(address, timeout=RECONNECT_S, set_as_default=False, name="implicit-tui")
    except (OSError, TimeoutError, ValueError, RuntimeError):
        kind = ""
    raise BadSetting(
        f"--cluster {address}: "
        + (f"there is a {kind} of Dask" if kind else "no scheduler answers")
        + ": start one with `dask scheduler`, which prints its address, or look at the firewall",
        "cluster",
    )


async def _kind_of(address: str) -> str:
    """What of Dask answers there. Raises TimeoutError where nothing of Dask does: a client would wait for ever."""
    from distributed import Security, rpc

    connection = Security().get_connection_args("client")
    async with asyncio.timeout(_CONNECT_S), rpc(address, timeout=_CONNECT_S, connection_args=connection) as server:
        return str((await server.identity())["type"])


def workers(address: str, spec: RunSpec) -> list[Worker]:
    """Who would train the lanes of ``spec`` there. Raises BadSetting, in one sentence, where they cannot."""
    with connected(address) as client:
        found, refused = client.sync(look, client, [], images_of(spec))
    check(address, found, refused)
    return list(found.values())


def free_bytes(found: Iterable[Worker]) -> int:
    """Main memory that all of them can still take, counted once where some share a machine."""
    machines: dict[str, int] = {}
    for worker in found:
        host = worker.address.rpartition(":")[0]
        machines[host] = max(machines.get(host, 0), worker.free_bytes)
    return sum(machines.values())


def check(address: str, found: Mapping[str, Worker], refused: Mapping[str, str]) -> None:
    """Raises BadSetting for the first worker that is refused, and where there is none at all."""
    if refused:
        raise BadSetting(next(iter(refused.values())), "cluster")
    if not found:
        raise BadSetting(f"--cluster {address}: no worker is there: start one with `dask worker {address}`", "cluster")


async def look(client: Any, known: list[str], images: dict[str, str]) -> tuple[dict[str, Worker], dict[str, str]]:
    """Workers that are there beside ``known`` ones, by address; and why others are refused, in a sentence."""
    there = (await client.scheduler.identity(n_workers=-1))["workers"]
    fresh = [address for address in there if address not in known]
    if not fresh:
        return {}, {}
    answers = await client.run(facts, list(images), workers=fresh, on_error="return")
    found: dict[str, Worker] = {}
    refused: dict[str, str] = {}
    for address, answer in answers.items():
        if isinstance(answer, OSError):
            # Gone meanwhile, or not there yet.
            continue
        why = _why_not(answer, images)
        if why:
            refused[address] = f"--cluster: worker {address} {why}"
            continue
        told = there[address]
        found[address] = Worker(
            address=address, threads=told["nthreads"], resources=told["resources"], free_bytes=answer["free_bytes"]
        )
    return found, refused


def facts(images: list[str]) -> dict[str, Any]:
    """What a worker says of itself, on whose machine this is called by name."""
    return {
        "versions": versions(),
        "free_bytes": machine.free_memory(),
        "images": {path: _digest(Path(path)) for path in images},
    }


def _why_not(answer: Any, images: dict[str, str]) -> str:
    """Why a worker that answered so may train nothing, and the cure; empty where it may."""
    if isinstance(answer, BaseException):
        said = (str(answer).splitlines() or [""])[0][:200]
        # Dask wraps what is raised while a function is looked for by its name.
        if isinstance(answer, ImportError) or "ModuleNotFoundError" in said or "ImportError" in said:
            return f"cannot import implicit-tui ({said}): {_INSTALL} in its environment"
        return f"did not say what it has ({type(answer).__name__}: {said}): look into what it printed"
    for name, ours in versions().items():
        theirs = answer["versions"].get(name)
        if theirs == ours:
            continue
        if name == "implicit-tui's files":
            return f"has other files of implicit-tui {VERSION} than this machine: install the same there"
        return f"has {name} {theirs} and this machine {ours}: install {ours} there, or take a worker that has it"
    for path, ours in images.items():
        if answer["images"][path] != ours:
            what = "is not there" if not answer["images"][path] else "has other images there"
            return f"reads images itself, and problem.dataset {path} {what}: copy the directory to the same place"
    return ""


@functools.cache
def versions() -> dict[str, str]:
    """What must be equal for lanes to be: Python to its minor version, packages, and the solver's own files."""
    found = {"implicit-tui": VERSION, "python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    found |= {name: importlib.metadata.version(name).partition("+")[0] for name in _VERSIONED}
    root, digest = Path(__file__).parent, hashlib.blake2b(digest_size=8)
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return found | {"implicit-tui's files": digest.hexdigest()}


def images_of(spec: RunSpec) -> dict[str, str]:
    """The directories of images that the lanes read, and what is in them in short."""
    problems = [lane.spec.problem for lane in settings.lanes(spec)]
    found = {problem.dataset for problem in problems if isinstance(problem, ImageTensor)} - set(DATASETS)
    return {path: _digest(Path(path)) for path in sorted(found)}


def _digest(directory: Path) -> str:
    """Of the IDX files in it, packed or not; empty where one is missing."""
    digest = hashlib.blake2b(digest_size=16)
    for name in IDX_FILES:
        there = [path for path in (directory / name, directory / f"{name}.gz") if path.is_file()]
        if not there:
            return ""
        digest.update(there[0].read_bytes())
    return digest.hexdigest()
