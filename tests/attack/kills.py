"""Stop long commands by SIGKILL at random moments: ``python -m tests.attack.kills --times 200``.

Each command is begun again until it ends; then what it has written has to be what an undisturbed run writes, and what
it had for certain may not have become less on the way. Commands run in children of a process in which everything is
imported, so that most moments are ones of work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

__all__ = ["LONG", "WIDE", "Long", "killed_again_and_again"]

ROOT = Path(__file__).parents[2]

WIDE = """
input: [3, 40, 40]
layers:
  - conv: {out_channels: 8..64 step 8, kernel_size: 1 | 3 | 5, stride: 1 | 2}
  - conv: {out_channels: 8..64 step 8, kernel_size: 1 | 3 | 5, stride: 1 | 2}
  - conv: {out_channels: 8..64 step 8, kernel_size: 1 | 3 | 5, stride: 1 | 2}
require: [params <= 40K, macs <= 9M]
maximize: params
"""
"""A problem whose cubes take a moment each."""


@dataclass(frozen=True)
class Long:
    """A command that keeps what it has done: its words, and the files that show how far it has come."""

    words: Sequence[str]
    kept: Sequence[str]
    answer: str = ""

    def known(self, folder: Path) -> int:
        """Return how many whole lines it has for certain."""
        return sum((folder / name).read_bytes().count(b"\n") for name in self.kept if (folder / name).exists())


LONG = (
    Long(["enumerate", "space.yaml", "-o", "all.jsonl", "-q"], ["all.jsonl.journal"], "all.jsonl"),
    Long(["count", "wide.yaml", "--cubes", "40", "--checkpoint", "known", "-q"], ["known"]),
    Long(["synth", "wide.yaml", "--checkpoint", "known", "-q", "--json"], ["known"]),
    Long(["synth", "wide.yaml", "--pareto", "params,macs", "--checkpoint", "known", "-q", "--json"], ["known"]),
    Long(["synth", "wide.yaml", "--workers", "2", "--checkpoint", "known", "-q", "--json"], ["known"]),
)


def begun(words: Sequence[str], folder: Path) -> int:
    """Begin a command in a child, and return its number."""
    from convsolve import cli
    from convsolve.space import enumeration, paths

    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    os.chdir(folder)
    os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    enumeration._AT_ONCE = 1 << 11  # many pieces
    paths._MOST_MERGED = 60  # a count that is not exact, and goes on cube by cube
    code = 70
    try:
        cli.main(list(words))
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(child: int, seconds: float | None) -> int | None:
    """Return the exit code of a child; None for one that was still at work after some seconds, and was killed."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        found, status = os.waitpid(child, 0 if end is None else os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return None if code == -signal.SIGKILL else code


def killed_again_and_again(
    long: Long, random: Random, folder: Path, most: int, tell: Callable[[str], None]
) -> tuple[int, list[str]]:
    """Kill a command up to so many times; return how often, and what was lost."""
    (folder / "wide.yaml").write_text(WIDE)
    (folder / "space.yaml").write_text((ROOT / "problems" / "unet_search.yaml").read_text())
    start = time.monotonic()
    assert ended(begun(long.words, folder), None) == 0, (folder / "err").read_text()
    seconds = time.monotonic() - start
    answer = (folder / (long.answer or "out")).read_bytes()
    for name in {*long.kept, long.answer, "out"} - {""}:
        (folder / name).unlink(missing_ok=True)
    faults: list[str] = []
    kills = known = 0
    while True:
        code = ended(begun(long.words, folder), random.uniform(0.01, 0.7) * seconds if kills < most else None)
        now = long.known(folder)
        if code is None:
            kills += 1
            if now < known:
                faults.append(f"{known} lines were known, {now} are")
            known = now
            continue
        found = (folder / (long.answer or "out")).read_bytes()
        if code != 0 or found != answer:
            faults.append(
                f"exit {code}, {'another' if found != answer else 'the same'} answer: {(folder / 'err').read_text()[-300:]}"
            )
        tell(f"{' '.join(long.words)}: {kills} kills, {known} lines known before the end, {len(faults)} faults")
        return kills, faults


def main() -> None:
    """Run, and report; exit with 1 where anything was lost."""
    options = argparse.ArgumentParser(prog="python -m tests.attack.kills", description=__doc__)
    options.add_argument("--times", type=int, default=200, help="how many kills in all")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    random, kills, faults = Random(given.seed), 0, []
    while kills < given.times:
        for long in LONG:
            with tempfile.TemporaryDirectory() as folder:
                most = min(random.choice((1, 3, 8, 15)), given.times - kills)
                own, lost = killed_again_and_again(
                    long, random, Path(folder), most, lambda text: print(text, flush=True)
                )
                kills, faults = kills + own, [*faults, *lost]
    print(f"{kills} kills, {len(faults)} faults", *faults, sep="\n")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
