"""Each requirement is pinned to one version and to hashes, whatever index it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FILES = [
    "layers/engine/requirements.txt",
    "requirements/local.txt",
    "requirements/dev.txt",
    "requirements/sam.txt",
    "requirements/pip.txt",
    "requirements/bench.txt",
    "requirements/rie.txt",
    *(f"requirements/peers/{peer}.txt" for peer in ("absurd", "dbos", "pgqueuer", "procrastinate")),
]
_PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==(?P<version>[^\s;\\]+)(?P<marker>\s*;[^\\]*)?\s*\\"
)
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def _pins(path: Path) -> dict[str, tuple[str, int]]:
    """Return each name with its version and its number of hashes.

    Fails at a line that is neither a pin, a hash nor a comment.
    """
    pins: dict[str, tuple[str, int]] = {}
    name = ""
    for line in path.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin = _PIN.fullmatch(line)
        if pin:
            name = pin["name"]
            pins[name] = (pin["version"], 0)
            continue
        assert _HASH.fullmatch(line), f"{path.name}: {line!r} is no pin and no hash"
        version, hashes = pins[name]
        pins[name] = (version, hashes + 1)
    return pins


def _wanted(path: Path) -> set[str]:
    lines = [line.split("#")[0].strip().lower() for line in path.read_text().splitlines()]
    return {
        re.split(r"[\[<>=!~; ]", line)[0] for line in lines if line and not line.startswith("-")
    }


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes(root: Path, name: str) -> None:
    """Each package is pinned to one version and to the hashes of its files."""
    pins = _pins(root / name)
    assert pins
    assert {package for package, (_, hashes) in pins.items() if hashes == 0} == set()


@pytest.mark.parametrize("name", FILES)
def test_each_requirement_is_pinned(root: Path, name: str) -> None:
    """A name added to the `.in` file is in the pinned file too: `make requirements` was run."""
    path = root / name
    assert _wanted(path.with_suffix(".in")) - set(_pins(path)) == set()


@pytest.mark.parametrize("name", [*FILES, *(file.replace(".txt", ".in") for file in FILES)])
def test_no_file_names_an_index(root: Path, name: str) -> None:
    """The installer chooses the index; the hashes fix the files."""
    text = (root / name).read_text()
    assert not re.search(
        r"://|--(extra-)?index-url|--find-links|--trusted-host|^-[if] ", text, re.MULTILINE
    )


def test_the_sets_agree(root: Path) -> None:
    """The local stack and the tests have the same versions as the layer on Lambda."""
    engine, local, dev = (_pins(root / name) for name in FILES[:3])
    assert {name: local.get(name, ("missing", 0))[0] for name in engine} == {
        name: version for name, (version, _) in engine.items()
    }
    assert {name: dev.get(name, ("missing", 0))[0] for name in local} == {
        name: version for name, (version, _) in local.items()
    }


def test_boto3_stays_out_of_the_layer(root: Path) -> None:
    """The layer has no boto3.

    The runtime has it, and thirty more megabytes would slow every cold start.
    """
    assert not {"boto3", "botocore", "aws-xray-sdk"} & set(_pins(root / FILES[0]))
