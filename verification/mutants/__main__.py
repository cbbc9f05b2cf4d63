"""`make mutants`: delete every guard of the protocol, one at a time; a test must fail each time.

The run is INVALID if the named tests do not pass without a mutant. Exit status 0 only if every
mutant was killed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue

from verification.mutants.catalogue import MUTANTS
from verification.mutants.laboratory import Laboratory, Result, Verdict
from verification.mutants.mutant import Mutant

FEWEST = 25
WORKERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected mutants. Returns 0: all killed; 1: not all; 2: invalid."""
    options = _options(arguments)
    chosen = [
        mutant
        for mutant in MUTANTS
        if not options.only or any(fnmatch(mutant.name, pattern) for pattern in options.only)
    ]
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name:<52} {mutant.file}\n    {mutant.truth}")
        print(f"{len(chosen)} mutants")
        return 0
    if not chosen or (not options.only and len(chosen) < FEWEST):
        print(
            f"INVALID: {len(chosen)} mutants; "
            f"at least {FEWEST if not options.only else 1} are needed"
        )
        return 2
    started = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="flamebot-mutants-", ignore_cleanup_errors=True
    ) as home:
        Path(home).chmod(0o711)
        idle: SimpleQueue[Laboratory] = SimpleQueue()
        for number in range(min(WORKERS, len(chosen))):
            idle.put(Laboratory(Path(tempfile.mkdtemp(prefix=f"{number}-", dir=home))))
        results = _verdicts(chosen, idle)
    if results is None:
        return 2
    return _report(results, time.monotonic() - started)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m verification.mutants", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help="names of mutants, or patterns such as 'begin_*'; default: all"
    )
    parser.add_argument(
        "--list", action="store_true", help="name the mutants and what each one's guard holds"
    )
    return parser.parse_args(arguments)


def _verdicts(chosen: Sequence[Mutant], idle: SimpleQueue[Laboratory]) -> list[Result] | None:
    laboratory = idle.get()
    tests = dict.fromkeys(killer for mutant in chosen for killer in mutant.killers)
    begun = time.monotonic()
    wrong = laboratory.baseline(tests)
    idle.put(laboratory)
    if wrong is not None:
        print(f"INVALID: the tests do not pass without any mutant:\n{wrong[-6000:]}")
        return None
    print(
        f"baseline: the tests named ({len(tests)}) pass, {time.monotonic() - begun:.0f} s",
        flush=True,
    )

    def test_one(mutant: Mutant) -> Result:
        mine = idle.get()
        try:
            return mine.test(mutant)
        finally:
            idle.put(mine)

    results = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for future in as_completed([pool.submit(test_one, mutant) for mutant in chosen]):
            result = future.result()
            results.append(result)
            print(
                f"{result.verdict:<10} {result.mutant.name:<52} {result.seconds:5.1f} s  "
                f"{result.by}",
                flush=True,
            )
    return results


def _report(results: Sequence[Result], seconds: float) -> int:
    counts = Counter(result.verdict for result in results)
    for result in results:
        if result.verdict is not Verdict.KILLED:
            print(
                f"{result.verdict}: {result.mutant.name}: {result.mutant.truth}\n"
                f"    {result.mutant.file}, {result.mutant.killers}"
            )
    print(
        f"{len(results)} mutants: "
        + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
        + f"; {seconds:.0f} s"
    )
    return 0 if counts[Verdict.KILLED] == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
