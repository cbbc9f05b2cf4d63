"""The peers' steps per second, each in its own environment, on the server of this run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.database import CACHE, ROOT, fresh
from bench.figures import Figure, figure
from bench.run import Run

_FOLDER = ROOT / "bench" / "peers"
_ENVIRONMENTS = CACHE / "peers"
_INSTALL_SECONDS = 600
_RUN_SECONDS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One peer, and the number of three-step chains that keep it busy for some seconds."""

    name: str
    program: str
    chains: int
    python: bool = True


PEERS = (
    Peer(name="absurd", program="absurd_chain.py", chains=2000),
    Peer(name="dbos", program="dbos_chain.py", chains=1000),
    Peer(name="procrastinate", program="procrastinate_chain.py", chains=1000),
    Peer(name="pgqueuer", program="pgqueuer_chain.py", chains=4000),
    Peer(name="graphile_worker", program="node/graphile_worker.mjs", chains=4000, python=False),
    Peer(name="pg_boss", program="node/pg_boss.mjs", chains=20_000, python=False),
)


def measure(run: Run) -> list[Figure]:
    """Run every peer once; the ratios are to our own steps per second of this run."""
    rates: dict[str, float] = {}
    for peer in PEERS:
        try:
            command = _command(peer)
            with fresh(run.server, migrated=False) as url:
                rates[peer.name] = _race(run, peer, command, url)
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            run.say(f"  {peer.name} could not be measured: {_described(error)}")
        else:
            run.say(f"  {peer.name}: {rates[peer.name]:,.0f} steps/s")
    figures = [figure(f"peer_{name}_steps_per_second", rate, "1/s") for name, rate in rates.items()]
    ours = run.facts["steps_per_second"]
    by_python = {
        peer.name: rates[peer.name] for peer in PEERS if peer.python and peer.name in rates
    }
    if by_python:
        best = max(by_python, key=lambda name: by_python[name])
        missing = [peer.name for peer in PEERS if peer.python and peer.name not in rates]
        note = f"the best is {best}" + (f"; not measured: {', '.join(missing)}" if missing else "")
        figures.append(figure("steps_vs_best_python_peer", ours / by_python[best], "x", note))
    if "absurd" in rates:
        figures.append(figure("steps_vs_absurd", ours / rates["absurd"], "x"))
    return figures


def _command(peer: Peer) -> list[str]:
    """Return the command that starts the peer, in an environment that is made at first use."""
    if not peer.python:
        return [_node(), str(_nodes() / Path(peer.program).name)]
    home, pins = _ENVIRONMENTS / peer.name, ROOT / "requirements" / "peers" / f"{peer.name}.txt"
    python, stamp = home / "bin" / "python", home / ".pins"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        shutil.rmtree(home, ignore_errors=True)
        _install([sys.executable, "-m", "venv", str(home)], ROOT)
        _install(
            [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(pins)], ROOT
        )
        stamp.write_text(pins.read_text())
    return [str(python), str(_FOLDER / peer.program)]


def _nodes() -> Path:
    """Return the folder with the Node programs and their packages."""
    home = _ENVIRONMENTS / "node"
    lock = (_FOLDER / "node" / "package-lock.json").read_text()
    stamp = home / ".pins"
    fresh_copy = not stamp.exists() or stamp.read_text() != lock
    home.mkdir(parents=True, exist_ok=True)
    for file in (_FOLDER / "node").iterdir():
        shutil.copy(file, home / file.name)
    if fresh_copy:
        npm = shutil.which("npm")
        if npm is None:
            raise ValueError("npm is not installed")
        _install([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], home)
        stamp.write_text(lock)
    return home


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise ValueError("node is not installed")
    return node


def _install(command: list[str], where: Path) -> None:
    subprocess.run(
        command, cwd=where, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS
    )


def _race(run: Run, peer: Peer, command: list[str], url: str) -> float:
    chains = run.size(peer.chains)
    # None of our packages is on the peer's path.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*command, "race", url, str(chains)],
        cwd=_ENVIRONMENTS,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
    )
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return float(answer["steps"]) / float(answer["seconds"])


def _described(error: Exception) -> str:
    output = getattr(error, "stderr", None) or ""
    return f"{type(error).__name__}: {error} {output[-600:]}"
