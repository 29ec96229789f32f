"""Try many damaged files: ``python -m tests.attack --cases 100000 --from 0``."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.attack.cases import command, judged
from tests.attack.crafted import crafted
from tests.attack.limited import Limited
from tests.attack.mutators import KINDS, mutant


def main() -> None:
    """Run the cases and report; exit with 1 where there is a fault."""
    options = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    options.add_argument("--cases", type=int, default=1000, help="how many")
    options.add_argument("--from", dest="first", type=int, default=0, help="the number of the first one")
    options.add_argument("--case", type=int, help="this one alone, with what it prints")
    options.add_argument("--only", choices=KINDS, default="", help="files of this kind alone")
    options.add_argument("--crafted", action="store_true", help="files that are built to hurt, instead of damaged ones")
    options.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    options.add_argument("--keep", type=Path, help="a folder for the files that break something")
    given = options.parse_args()
    numbers = range(given.first, given.first + given.cases) if given.case is None else [given.case]
    kinds, codes, tried = Counter[str](), Counter[str](), 0
    begun, slowest, largest = time.monotonic(), 0.0, 0
    with tempfile.TemporaryDirectory() as above, Limited(Path(above) / "files") as limited:
        for number in numbers:
            if time.monotonic() - begun > given.seconds:
                break
            file, content = crafted(number) if given.crafted else mutant(number, given.only)
            words = command(number, file, limited=given.crafted)
            (limited.folder / file).write_bytes(content)
            ended = limited.run(words)
            tried += 1
            fault = judged(ended)
            codes[str(ended.code)] += 1
            slowest, largest = max(slowest, ended.seconds), max(largest, ended.memory)
            if given.case is not None:
                print(ended.output, ended.errors, sep="\n")
            if fault or given.case is not None:
                kinds[f"{file}: {fault}"] += 1
                last = ended.errors.strip().rpartition("\n")[2][:160]
                print(
                    f"case {number}: {fault}: {' '.join(words)}: {ended.seconds:.1f} s, {ended.memory >> 20} MB: {last!a}",
                    flush=True,
                )
                if given.keep is not None:
                    given.keep.mkdir(exist_ok=True)
                    (given.keep / f"{number}-{file}").write_bytes(content)
            elif tried % 1000 == 0:
                print(f"... {tried} tried", flush=True)
    print(f"{tried} cases in {time.monotonic() - begun:.0f} s; slowest {slowest:.1f} CPU s, largest {largest >> 20} MB")
    print(f"exit codes {dict(codes)}; faults {dict(kinds)}")
    raise SystemExit(1 if kinds else 0)


if __name__ == "__main__":
    main()
