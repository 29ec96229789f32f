"""``convsolve rule``."""

from __future__ import annotations

import click

from .output import print_json

__all__ = ["command"]


@click.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(code: str | None, as_json: bool) -> int:
    """Say what a code such as CS001 means, with a problem that breaks the rule, and how to mend it.

    Codes with W are what `convsolve lint` finds. Without CODE, list all codes.
    """
    from ..lints import CODES, LINTS, rule_of
    from ..support.suggestions import nearest

    if code is None:
        if as_json:
            print_json({"rules": {code: rule_of(code).demand for code in CODES}})
        else:
            for code in CODES:
                click.echo(f"{code:5}  {rule_of(code).demand}")
        return 0
    wanted = code.upper()
    if wanted.isdigit():
        wanted = f"CS{int(wanted):03}"
    if wanted not in CODES:
        raise click.UsageError(f"there is no rule {code!r}{nearest(wanted, CODES)}; `convsolve rule` lists them")
    rule = rule_of(wanted)
    lint = LINTS.get(wanted)
    if as_json:
        print_json({"code": wanted, "demand": rule.demand, "failure": rule.failure, "decides": rule.decides,
                    "meaning": rule.meaning, "mend": rule.mend, "example": rule.example or None,
                    "mended": rule.mended or None, "level": lint.level if lint else "error",
                    "source": lint.source if lint else None})  # fmt: skip
        return 0
    click.echo(f"{wanted}: {rule.demand}\n\n{rule.meaning}\n\nTo mend it: {rule.mend}")
    if lint:
        word = "true" if lint.level == "warning" else f"[{wanted}]"
        click.echo(f"\nSource: {lint.source}. `convsolve lint` finds it; `sensible: {word}` in a problem forbids it.")
    if rule.example:
        lines = "".join(f"    {line}\n" for line in rule.example.splitlines())
        click.echo(f"\nA problem that breaks it (`{rule.wrong}` is the mistake, `{rule.right}` mends it):\n")
        click.echo(lines, nl=False)
    return 0
