"""Design questions as people ask them, beside OR-Tools CP-SAT: ``python -m tests.benchmarks.design [WORDS...]``.

For each file of ``problems/``: the verdict, the objectives' values, whether they are proven, and seconds, of convsolve and
of CP-SAT in a model of its own (``cpsat.py``), one worker; their ratio; and what does not agree, with the other or with
``expected.py``. Seconds are those of the processor from the file's text to the answer, so that a busy machine does not count;
whether a time limit is kept is measured by the clock. With words, only files whose names contain one of them; ``--peers
cpsat,z3,brute`` asks plain z3 and brute force, too, where they can be. The last lines are the figures to reach.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any

from .expected import wrong
from .running import Answer, ask, texts

_FAST = 10.0
"""Seconds in which an answer should be proven."""

_LONG = 1.0
"""Seconds from which CP-SAT's time counts for the worst ratio."""

_LEAST = 0.01
"""Seconds below which times are not told apart."""


def _ratio(mine: Answer, peer: Answer) -> float:
    return max(mine.seconds, _LEAST) / max(peer.seconds, _LEAST)


def _cell(answer: Answer) -> str:
    values = ", ".join(f"{v:,}" for v in answer.values)
    mark = "" if answer.proven else " (not proven)" if answer.verdict == "sat" else ""
    return f"{answer.verdict} {values}{mark}"


def _figures(rows: dict[str, dict[str, Answer]], timeout: float) -> list[str]:
    """Return the share that is proven fast, of answers, the mean and the worst ratio, and whether time is kept."""
    mine = {name: row["convsolve"] for name, row in rows.items()}
    proven = sum(a.proven and a.seconds <= _FAST for a in mine.values())
    answered = sum(a.answered for a in mine.values())
    lines = [f"proven within {_FAST:.0f} s: {proven} of {len(rows)} ({proven / len(rows):.1%}); answered: {answered}"]
    if all("cpsat" in row for row in rows.values()):
        ratios = {name: _ratio(row["convsolve"], row["cpsat"]) for name, row in rows.items()}
        mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        lines.append(f"geometric mean of the time over CP-SAT's: {mean:.2f}")
        long = {name: ratio for name, ratio in ratios.items() if rows[name]["cpsat"].seconds > _LONG}
        worst = max(long, key=long.__getitem__, default=None)
        found = "none" if worst is None else f"{long[worst]:.2f} ({worst})"
        lines.append(f"worst ratio where CP-SAT needs over {_LONG:.0f} s: {found}")
    late = {name: a.elapsed for name, a in mine.items() if a.elapsed > timeout + 1}
    latest = max(late, key=late.__getitem__, default=None)
    kept = (
        "all" if latest is None else f"{len(rows) - len(late)} of {len(rows)} (latest: {latest}, {late[latest]:.1f} s)"
    )
    lines.append(f"ended within {timeout:.0f} + 1 s: {kept}")
    return lines


def main() -> int:
    """Run the suite; return 1 if anything does not agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("--peers", default="cpsat", help="cpsat, z3 and brute, with commas between; none with ''")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    solvers = ["convsolve", *(peer for peer in options.peers.split(",") if peer)]
    rows: dict[str, dict[str, Answer]] = {}
    disagreements: list[str] = []
    for name in texts(options.words):
        rows[name] = row = {solver: ask(solver, name, options.timeout) for solver in solvers}
        cells = "".join(f"  {row[s].seconds:6.2f} s {s}: {_cell(row[s])}" for s in solvers)
        ratio = f"  ratio {_ratio(row['convsolve'], row['cpsat']):.2f}" if "cpsat" in row else ""
        print(f"{name:30}{cells}{ratio}", flush=True)
        for solver, answer in row.items():
            for text in [*wrong(name, answer), *([answer.note] if answer.verdict == "error" else [])]:
                disagreements.append(f"{name}: {solver}: {text}")
                print(f"  {solver}: {text}", flush=True)
    if not rows:
        print("no problem has such a name", file=sys.stderr)
        return 2
    print("\n".join([*_figures(rows, options.timeout), *(disagreements or ["every answer agrees"])]))
    if options.json:
        document: dict[str, Any] = {name: {s: vars(a) for s, a in row.items()} for name, row in rows.items()}
        with open(options.json, "w") as file:
            json.dump(document, file, indent=2)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
