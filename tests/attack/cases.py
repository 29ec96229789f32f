"""What is asked of a damaged file: one of all commands, drawn by the case's number; and what no answer may be."""

from __future__ import annotations

from random import Random

from tests.attack.limited import Ended

__all__ = ["COMMANDS", "command", "judged"]

TIMEOUT = ["--timeout", "2"]

COMMANDS = (
    ["check"], ["check"], ["check", "--json"], *(["check", "--output-format", form] for form in ("concise", "github", "sarif", "junit")),
    ["check", "--input", "3x64x64"], ["check", "--input", "64x64x3"], ["check", "--input", "3x1000000000000x7"],
    ["repair", *TIMEOUT], ["repair", "--json", *TIMEOUT], ["repair", "--diff", *TIMEOUT], ["sizes", *TIMEOUT], ["sizes", "--json", *TIMEOUT],
    ["sizes", "--near", "300x300", *TIMEOUT], ["counterexample"], ["counterexample", "--sizes", "8..64"], ["diff", "{}"],
    ["explain", "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x400 and 120x84)", "--model"],
    ["synth", *TIMEOUT], ["synth", "--json", *TIMEOUT], ["synth", "-n", "3", *TIMEOUT], ["synth", "--pareto", "params,macs", *TIMEOUT],
    ["synth", "--emit", "yaml", *TIMEOUT], ["synth", "--minimize", "macs", *TIMEOUT], ["synth", "--open", "*.stride=1|2", *TIMEOUT],
    ["count", *TIMEOUT], ["sample", "-n", "3", *TIMEOUT], ["enumerate", "-n", "20", *TIMEOUT], ["enumerate", "-n", "20", "-o", "all.jsonl", *TIMEOUT],
    *(["draw", "--to", form] for form in ("svg", "html", "dot", "mmd")), ["draw", "--ladder"], ["draw", "--unfold"], ["draw", "--sizes"],
    ["draw", "--solve", *TIMEOUT], ["draw", "--repair", "--to", "html", *TIMEOUT], ["draw", "--pareto", "params,macs", *TIMEOUT],
    ["draw", "-o", "net.png"], *(["export", "--to", form, *TIMEOUT] for form in ("yaml", "torch", "keras")), ["export", "--to", "onnx", "-o", "out.onnx", *TIMEOUT],
)  # fmt: skip
"""Commands that read a file; ``{}`` stands for it, too."""

LOGS = (["explain"], ["explain", "--json"])


def command(number: int, file: str, *, limited: bool = False) -> list[str]:
    """Return the words of the command that a case runs on its file; ``limited`` as the guide advises for strangers'."""
    words = Random(f"command {number}").choice(LOGS if file.endswith(".log") else COMMANDS)
    limit = ["--timeout", "5"] if limited and "--timeout" not in words else []
    return [words[0], *limit, *(file if word == "{}" else word for word in words[1:]), file]


def judged(ended: Ended) -> str:
    """Return what is wrong with how a command has ended, or nothing."""
    found = ended.faults
    if ended.code == 2 and not ended.errors.strip():
        found.append("exit 2 without a message")
    if ended.code == 2 and len(ended.errors) > 20_000:
        found.append("a message without an end")
    if not all(c.isprintable() or c == "\n" for c in ended.errors):
        found.append("controls in a message")
    return ", ".join(found)
