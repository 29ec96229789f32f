"""Ingredients: the same elements in another shape, the batch among them, and heads of fixed width."""

from __future__ import annotations

from .draft import Draft, ingredient

_SPACE = ("h", "w", "d")


def _names(d: Draft) -> str:
    return ", ".join(_SPACE[: d.rank])


@ingredient("map", 1)
def windows(d: Draft) -> bool:
    """Windows cut by a view, and put together again."""
    m, names = d.r.choice((2, 2, 3, 4)), _SPACE[: d.rank]
    cut = ", ".join(f"{n} // {m}, {m}" for n in names)
    shape = f"b, c, {_names(d)} = x.shape"
    grids, insides = [2 + 2 * i for i in range(d.rank)], [3 + 2 * i for i in range(d.rank)]
    fold = f"x = x.view(b, c, {cut}).permute(0, {', '.join(map(str, [*grids, 1, *insides]))})"
    counts = ", ".join(f"{n} // {m}" for n in names)
    back = [0, d.rank + 1, *(n for i in range(d.rank) for n in (1 + i, d.rank + 2 + i))]
    unfold = f"x = x.view(b, {counts}, c, {', '.join([str(m)] * d.rank)}).permute({', '.join(map(str, back))})"
    return d.add(
        *d.r.choice(
            (
                (
                    shape,
                    f"{fold}.reshape(-1, c, {', '.join([str(m)] * d.rank)})",
                    "x = x.relu()",
                    f"{unfold}.reshape(b, c, {_names(d)})",
                ),
                (shape, f"x = x.view(b, c, {cut}).mean(({', '.join(map(str, insides))}))"),
                (shape, f"x = x.reshape(b, c, {cut}).flatten(2).reshape(b, c, {_names(d)})"),
                (shape, f"x = x.reshape(b, c * {m}, {names[0]} // {m}{''.join(f', {n}' for n in names[1:])})"),
            )
        )
    )


@ingredient("map", 1)
def batch_folded(d: Draft) -> bool:
    """Groups of channels, or places along an axis, folded into the batch and taken out again."""
    name, names = d.fresh("inner"), _names(d)
    shape = f"b, c, {names} = x.shape"
    conv = f"self.{name} = nn.Conv{d.rank}d(1, 1, 3, padding=1)"
    line = f"self.{name} = nn.Conv1d({d.channels}, {d.channels}, 3, padding=1)"
    if d.rank == 2 and d.r.random() < 0.5:
        return d.add(
            shape,
            *d.r.choice(
                (
                    (
                        "x = x.permute(0, 2, 1, 3).reshape(b * h, c, w)",
                        f"x = self.{name}(x)",
                        "x = x.view(b, h, c, w).permute(0, 2, 1, 3)",
                    ),
                    (
                        "x = x.permute(0, 3, 1, 2).flatten(0, 1)",
                        f"x = self.{name}(x)",
                        "x = x.unflatten(0, (b, w)).permute(0, 2, 3, 1)",
                    ),
                    (
                        "x = x.transpose(1, 2).reshape(-1, c, w)",
                        f"x = self.{name}(x)",
                        "x = x.reshape(b, h, c, -1).transpose(1, 2)",
                    ),
                )
            ),
            init=(line,),
        )
    return d.add(
        shape,
        *d.r.choice(
            (
                (f"x = self.{name}(x.reshape(b * c, 1, {names}))", "x = x.reshape(b, c, *x.shape[2:])"),
                (f"x = self.{name}(x.flatten(0, 1).unsqueeze(1))", f"x = x.view(b, c, {names})"),
                (f"x = self.{name}(x.reshape(-1, 1, {names}))", f"x = x.reshape(b, c, {names})"),
                (f"x = self.{name}(x.view(-1, 1, {names}).relu())", f"x = x.view(-1, c, {names})"),
            )
        ),
        init=(conv,),
    )


@ingredient("map", 1.2)
def head(d: Draft) -> bool:
    """A linear layer of fixed width behind all elements."""
    name, k = d.fresh("head"), d.x[0].numel()
    if k > 4000:
        return False
    made = f"self.{name} = nn.Linear({k}, {d.r.randint(2, 5)})"
    flat = d.r.choice(("x.flatten(1)", "x.view(x.size(0), -1)", "x.reshape(x.shape[0], -1)", "torch.flatten(x, 1)",
                       f"x.reshape(x.shape[0], {k})", "x.flatten(1).relu()", "x.contiguous().view(len(x), -1)"))  # fmt: skip
    return d.add(f"x = self.{name}({flat})", init=(made,), kind="vector")


@ingredient("map", 0.7)
def width_head(d: Draft) -> bool:
    """A linear layer along the last axis, or over the rows of all channels."""
    name, out = d.fresh("line"), d.r.randint(2, 5)
    if d.r.random() < 0.5 or d.rank == 1:
        return d.add(f"x = self.{name}(x)", init=(f"self.{name} = nn.Linear({d.features}, {out})",))
    k = d.channels * d.sizes[0]
    return d.add(
        f"x = self.{name}(x.flatten(1, {d.rank}).transpose(1, 2)).transpose(1, 2).unsqueeze({d.r.choice((2, 3))})"
        if d.rank == 2
        else f"x = self.{name}(x.movedim(2, -1).movedim(1, -1).flatten(-2)).unsqueeze(1)",
        init=(f"self.{name} = nn.Linear({k}, {out})",),
    )


@ingredient("map", 0.8)
def mean_head(d: Draft) -> bool:
    return d.add(
        "x = " + d.r.choice(("x.mean({})", "x.amax({})", "x.sum({})")).format(tuple(range(2, d.rank + 2))),
        kind="vector",
    )


@ingredient("map", 2.5)
def to_tokens(d: Draft) -> bool:
    return d.add(
        d.r.choice(
            (
                "x = x.flatten(2).transpose(1, 2)",
                f"x = x.view(x.shape[0], {d.channels}, -1).permute(0, 2, 1)",
                f"x = x.permute(0, {', '.join(map(str, range(2, d.rank + 2)))}, 1).reshape(x.shape[0], -1, {d.channels})",
                "x = x.flatten(2).mT",
            )
        ),
        kind="tokens",
    )


@ingredient("vector", 2)
def dense(d: Draft) -> bool:
    name = d.fresh("dense")
    return d.add(f"x = self.{name}(x).relu()", init=(f"self.{name} = nn.Linear({d.features}, {d.r.randint(2, 6)})",))


@ingredient("vector", 0.5)
def regrouped(d: Draft) -> bool:
    return d.add(
        d.r.choice(("x = x.softmax(-1)", "x = x.unsqueeze(1)", "x = x[:, None].expand(-1, 3, -1)", "x = F.glu(x)"))
    )
