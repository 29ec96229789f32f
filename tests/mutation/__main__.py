"""``python -m tests.mutation``: which changes does no test see?"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.places import Mutant, changed, mutants, path_of
from tests.mutation.running import ROOMS, Coverage, coverage, imported, in_child, swapped


def _report(room: str, mutant: Mutant, seen: str | None, counts: Counter[str], words: bool) -> None:
    """Note one change. A process that died saw it, too: it ran out of time or of memory."""
    if seen == "":
        text = changed(mutant)[1]
        named = f"{mutant.module.removeprefix('convsolve.')}: {text.split(': ', 1)[1]}"
        kind = "equivalent" if named in EQUIVALENT else "survived"
        counts[kind] += 1
        print(f"{kind}: {mutant.module}:{text}", flush=True)
    else:
        counts["caught"] += 1
        if words:
            print(f"caught: {mutant.module}:{changed(mutant)[1]}  [{seen or 'died'}]", flush=True)


def _run(room: str, wished: list[Mutant], most: float, words: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    covered: Coverage = coverage(room, {str(path_of(mutant.module)) for mutant in wished})
    if covered.failing:
        print(f"left out, for they fail already: {', '.join(covered.failing)}", file=sys.stderr)
    later: list[Mutant] = []
    tried = [(mutant, covered.of(mutant, most)) for mutant in wished]

    def work() -> tuple[Counter[str], list[Mutant]]:
        def told(mutant: Mutant, seen: str | None, at_import: bool) -> None:
            if at_import:
                later.append(mutant)
            else:
                _report(room, mutant, seen, counts, words)

        swapped(room, tried, covered.seconds, told)
        return counts, later

    counts, later = in_child(work)
    for mutant in later:
        _report(room, mutant, imported(mutant, covered.of_module(mutant, most), covered.seconds), counts, words)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Change one place at a time; which changes does no test see?")
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--only", default="", help="only modules whose names hold this")
    parser.add_argument("--sample", type=int, help="try only so many of a room, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20, help="seconds that the tests of one change take, at most")
    parser.add_argument("--tests", nargs="*", help="the tests to run, under tests/, in place of those of the room")
    parser.add_argument("--words", action="store_true", help="say which test saw each change")
    options = parser.parse_args()
    import hypothesis  # noqa: F401  # loaded once, for all the processes that are forked
    import networkx  # noqa: F401
    import numpy  # noqa: F401
    import z3  # noqa: F401

    for room in options.rooms:
        ROOMS[room] = tuple(options.tests or ROOMS[room])
        wished = [mutant for mutant in mutants(room) if options.only in mutant.module]
        if options.sample:
            wished = sorted(random.Random(options.seed).sample(wished, min(options.sample, len(wished))), key=repr)
        counts = _run(room, wished, options.seconds, options.words)
        telling = max(len(wished) - counts["equivalent"], 1)
        print(
            f"{room}: {len(wished)} changes, {counts['caught']} caught, {counts['survived']} survived,"
            f" {counts['equivalent']} that change no answer ({counts['caught'] / telling:.1%} of the others caught)"
        )


if __name__ == "__main__":
    main()
