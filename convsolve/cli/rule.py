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

    Without CODE, list all codes.
    """
    from ..operators.pages import PAGES
    from ..operators.rules import RULES
    from ..words import nearest

    if code is None:
        if as_json:
            print_json({rule.code: rule.demand for rule in RULES.values()})
        else:
            for rule in RULES.values():
                click.echo(f"{rule.code}  {rule.demand}")
        return 0
    wanted = code.upper()
    if wanted.isdigit():
        wanted = f"CS{int(wanted):03}"
    if wanted not in PAGES:
        raise click.UsageError(f"there is no rule {code!r}{nearest(wanted, RULES)}; `convsolve rule` lists them")
    rule, page = RULES[wanted], PAGES[wanted]
    if as_json:
        print_json({"code": wanted, "demand": rule.demand, "failure": rule.failure, "decides": rule.decides,
                    "meaning": page.meaning, "mend": page.mend, "example": page.example or None,
                    "mended": page.mended or None})  # fmt: skip
        return 0
    click.echo(f"{wanted}: {rule.demand}\n\n{page.meaning}\n\nTo mend it: {page.mend}")
    if page.example:
        lines = "".join(f"    {line}\n" for line in page.example.splitlines())
        click.echo(f"\nA problem that breaks it (`{page.wrong}` is the mistake, `{page.right}` mends it):\n")
        click.echo(lines, nl=False)
    return 0
