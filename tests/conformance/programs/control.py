"""Ingredients: branches, loops and caches that sizes decide."""

from __future__ import annotations

from .draft import Draft, ingredient


def _conditions(d: Draft) -> str:
    n, last, axis = d.r.choice((3, 6, 8, 12, 20)), "x.shape[-1]", d.axis()
    own = f"x.shape[{axis}]"
    return d.r.choice(
        (
            f"{own} > {n}",
            f"{own} % 2 == 0",
            f"{own} != {last}",
            f"{own} * {last} > {n * n}",
            f"min(x.shape[2:]) >= {n}",
            f"max(x.shape[2:]) < {n}",
            f"{own} // 2 > 3 and {last} < 30",
            f"{own} in (4, 8, {n})",
            f"{own} >= {last}",
            f"tuple(x.shape[2:]) != ({', '.join([str(n)] * d.rank)},)",
            f"{own} & 1",
            f"{own} / 4 > 2.5",
            f"math.sqrt({own} * {last}) > {n}",
            f"x.numel() > {n} * {n} * x.shape[0]",
        )
    )


def _kept(d: Draft) -> str:
    return d.r.choice(
        (
            "x = x.relu()",
            f"x = F.avg_pool{d.rank}d(x, 2)",
            "x = F.pad(x, (1, 0))",
            "x = x[:, :, 1:]",
            f"x = F.pad(x, (0, {d.r.randint(1, 3)}))",
            f"x = F.max_pool{d.rank}d(x, 3, 1)",
            "x = x[..., ::2]",
            "x = F.interpolate(x, scale_factor=2)",
            f"x = F.adaptive_avg_pool{d.rank}d(x, 4)",
        )
    )


@ingredient("map", 1.5)
def branch(d: Draft) -> bool:
    other = f"\nelse:\n    {_kept(d)}" if d.r.random() < 0.5 else ""
    return d.add(f"if {_conditions(d)}:\n    {_kept(d)}{other}")


@ingredient("map", 0.4)
def refusal(d: Draft) -> bool:
    if d.r.random() < 0.5:
        return d.add(f"assert {_conditions(d)}, 'not this size'")
    return d.add(f"if not ({_conditions(d)}):\n    raise ValueError('not this size')")


@ingredient("map", 0.4)
def attempt(d: Draft) -> bool:
    """A layer whose error is caught."""
    return d.add(
        f"try:\n    x = F.max_pool{d.rank}d(x, {d.r.choice((4, 6, 9))})\nexcept RuntimeError:\n    x = {d.r.choice(('x.relu()', 'F.pad(x, (1, 1))'))}"
    )


@ingredient("map", 1)
def loop(d: Draft) -> bool:
    n = d.r.choice((4, 7, 8))
    which = d.r.choice(("min(x.shape[2:])", "max(x.shape[2:])", "x.shape[-1]", "x.shape[2]"))
    return d.add(
        d.r.choice(
            (
                f"while {which} > {n}:\n    x = F.avg_pool{d.rank}d(x, 2)",
                f"while {which} > {n}:\n    x = F.max_pool{d.rank}d(x, 3, 2, 1)",
                f"while {which} < {n}:\n    x = F.interpolate(x, scale_factor=2)",
                f"for _ in range(x.shape[2] // 8):\n    x = F.max_pool{d.rank}d(x, 2, ceil_mode=True)",
                f"for _ in range(int(math.log2(x.shape[-1])) - 1):\n    x = F.avg_pool{d.rank}d(x, 2)",
            )
        )
    )


@ingredient("map", 1)
def fitted(d: Draft) -> bool:
    """Padding up to a multiple, by a branch or by a formula."""
    m, last = d.r.choice((2, 3, 4, 8)), "x.shape[-1]"
    return d.add(
        d.r.choice(
            (
                f"if {last} % {m} != 0:\n    x = F.pad(x, (0, {m} - {last} % {m}))",
                f"x = F.pad(x, (0, -{last} % {m}))",
                f"x = F.pad(x, (0, ({m} - {last} % {m}) % {m}))",
                f"x = F.pad(x, (0, math.ceil({last} / {m}) * {m} - {last}))",
                f"x = x[..., :{last} // {m} * {m}]",
                f"need = max(({last} - 1) * {m} + 3 - {last}, 0) % 5\nx = F.pad(x, (need // 2, need - need // 2))",
                f"x = F.interpolate(x, size=[max(n // {m}, 1) for n in x.shape[2:]])",
            )
        )
    )


@ingredient("map", 0.5)
def cached(d: Draft) -> bool:
    """A number or a tensor of a size that was asked for before."""
    name, last = d.fresh("cached"), "x.shape[-1]"
    return (
        d.add(
            *d.r.choice(
                (
                    (f"x = x.flatten(2).reshape(x.shape[0], {d.channels}, *{name}(*x.shape[2:]))",),
                    (f"x = F.pad(x, (0, {name}({last})[0] % 4))",),
                )
            ),
            globals=(f"@functools.lru_cache(None)\ndef {name}(*sizes):\n    return tuple(n for n in sizes)",),
        )
        if (d.r.random() < 0.5)
        else d.add(
            f"if {last} not in self.{name}:\n    self.{name}[{last}] = torch.ones({last})",
            f"x = x * self.{name}[{last}]",
            init=(f"self.{name} = {{}}",),
        )
    )


@ingredient("map", 0.7)
def plain_number(d: Draft) -> bool:
    """A size that code of C reads, which leaves no trace of it."""
    n = f"x.shape[{d.axis()}]"
    number = d.r.choice(
        (
            f"math.isqrt({n})",
            f"math.gcd({n}, 12)",
            f"{n}.bit_length()",
            f"int(math.log2({n}))",
            f"math.ceil(math.log2({n}))",
            f"operator.index({n}) % 5",
            f"len(f'{{{n}}}')",
            f"int(str({n})[-1])",
            f"len([0] * {n}) % 4",
            f"divmod({n}, 5)[1]",
            f"list(range(50))[{n}] // 8",
            f"int(numpy.sqrt({n}))",
            f"int(numpy.ceil({n} / 4))",
            f"{{4: 1, 8: 2}}.get({n}, 3)",
            f"len(range(0, {n}, 6))",
            f"len(torch.arange({n}).tolist()) // 8",
            f"sum(1 for _ in zip(range({n}), 'abcdef'))",
        )
    )
    return d.add(f"x = F.pad(x, (0, {number}))")
