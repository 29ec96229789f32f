"""Ingredients: parts of tensors, by slices, positions and tables, and parts that are written into."""

from __future__ import annotations

from .draft import Draft, ingredient


def _at(d: Draft, axis: int, index: str) -> str:
    """Return an index along one axis, in all its spellings for the last one."""
    if axis == d.rank + 1 and d.r.random() < 0.5:
        return f"[..., {index}]"
    return f"[{':, ' * axis}{index}]"


@ingredient("map", 1.5)
def sliced(d: Draft) -> bool:
    part = d.r.choice(("1:", ":-1", "1:-1", "::2", "2:6", ":4", "-3:", "1::2", "3:", "2:-2"))
    return d.add(f"x = x{_at(d, d.axis(), part)}")


@ingredient("map", 0.8)
def positions(d: Draft) -> bool:
    """Some positions of an axis, by lists and tensors of numbers."""
    axis = d.axis()
    chosen = sorted(d.r.sample(range(8), 3))
    given = f"torch.tensor({chosen})"
    return d.add(
        d.r.choice(
            (
                f"x = x{_at(d, axis, str(chosen))}",
                f"x = x.index_select({axis}, {given})",
                f"x = x{_at(d, axis, given)}",
                f"x = x.narrow({axis}, {chosen[0]}, {d.r.randint(1, 4)})",
                f"x = x.select({axis}, {chosen[1]}).unsqueeze({axis})",
                f"x = torch.stack([x.select({axis}, i) for i in {tuple(chosen)}], {axis})",
                f"x = torch.cat(x.split([2, x.shape[{axis}] - 2], {axis})[::-1], {axis})",
                f"x = torch.cat((x, x.select({axis}, {chosen[2]}).unsqueeze({axis})), {axis})",
                f"x = x.tensor_split(2, {axis})[{d.r.choice((0, 1))}]",
                f"x = torch.tensor_split(x, (2, 5), dim={axis})[1]",
                f"x = x.index_fill({axis}, {given}, 0.0)",
                f"x = x.index_add({axis}, {given}, x.narrow({axis}, 0, 3))",
                f"x = x.index_copy({axis}, {given}, x.narrow({axis}, 1, 3))",
                f"x = torch.zeros_like(x).scatter({axis}, torch.zeros_like(x).long() + {chosen[1]}, x)",
                f"x = x.gather({axis}, torch.full_like(x, {chosen[0]}).long())",
                f"x = torch.take_along_dim(x, {given}.view({', '.join('-1' if i == axis else '1' for i in range(d.rank + 2))}), dim={axis})",
                f"x = x{_at(d, axis, f'torch.arange(x.shape[{axis}] - 1)')}",
                f"x = x{_at(d, axis, f'torch.arange(x.shape[{axis}] - 1, -1, -1)')}",
                f"x = x{_at(d, axis, f'list(range(0, x.shape[{axis}], 2))')}",
                f"x = x.take(torch.arange({chosen[2]}, {chosen[2]} + 6)).view(1, 1, {', '.join(['6', *['1'] * (d.rank - 1)])}) + x.mean({axis}, keepdim=True)",
            )
        )
    )


@ingredient("map", 1)
def position_table(d: Draft) -> bool:
    """A vector for each position along an axis, from a table that is long enough or not."""
    name, count, axis = d.fresh("table"), d.r.choice((4, 8, 16, 24, 64)), d.axis()
    tail = "[..., None]" * (d.rank + 1 - axis)
    lead = "[:, None]" * (axis - 2)
    c, n = d.channels, f"x.shape[{axis}]"
    learned, used = d.r.choice(
        (
            (f"nn.Embedding({count}, {c})", f"self.{name}(torch.arange({n})).t()"),
            (f"nn.Parameter(torch.zeros({count}, {c}))", f"self.{name}[:{n}].t()"),
            (f"nn.Parameter(torch.zeros({c}, {count}))", f"self.{name}[:, :{n}]"),
            (f"nn.Parameter(torch.zeros({count}, {c}))", f"self.{name}[torch.arange({n})].t()"),
            (f"nn.Embedding({count}, {c})", f"self.{name}.weight[:{n}].t()"),
            (f"nn.Embedding({count}, {c})", f"self.{name}(torch.arange({n}).clamp(max={count - 1})).t()"),
            (f"nn.Parameter(torch.zeros({c}, {count}))", f"F.interpolate(self.{name}[None], size={n})[0]"),
        )
    )
    used = f"{used}{lead}{tail}" if lead or tail else used
    if lead:
        used = f"self_table{lead}"
        used = used.replace("self_table", learned and f"({_plain(name, count, c, n, learned, d)})") + tail
    return d.add(f"x = x + {used}", init=(f"self.{name} = {learned}",))


def _plain(name: str, count: int, c: int, n: str, learned: str, d: Draft) -> str:
    return (
        f"self.{name}(torch.arange({n})).t()"
        if "Embedding" in learned
        else (f"self.{name}[:{n}].t()" if f"({count}, {c})" in learned else f"self.{name}[:, :{n}]")
    )


@ingredient("map", 0.5)
def relative_table(d: Draft) -> bool:
    """One number for each distance between two places of an axis."""
    name, reach, axis = d.fresh("bias"), d.r.choice((4, 8, 20)), d.rank + 1
    n = f"x.shape[{axis}]"
    return d.add(
        f"away = torch.arange({n})[:, None] - torch.arange({n})[None] + {reach - 1}",
        f"x = x @ self.{name}[away]",
        init=(f"self.{name} = nn.Parameter(torch.zeros({2 * reach - 1}))",),
    )


@ingredient("map", 0.8)
def rotary(d: Draft) -> bool:
    turned, last = d.r.choice((2, 4, d.features)), d.rank + 1
    return d.add(
        f"turned, rest = x[..., :{turned}], x[..., {turned}:]",
        d.r.choice(
            (
                f"x = torch.cat((turned * 2, rest), dim={d.r.choice((-1, last))})",
                "a, b = turned.chunk(2, dim=-1)\nx = torch.cat((-b, a, rest), dim=-1)",
                "x = torch.cat((turned.flip(-1), rest * 0.5), -1)",
            )
        ),
    )


@ingredient("map", 1)
def assigned(d: Draft) -> bool:
    axis, n = d.axis(), d.r.randint(1, 4)
    there = _at(d, axis, f":{n}")
    return d.add(
        *d.r.choice(
            (
                ("y = torch.zeros_like(x)", f"y{there} = x{there}", "x = y"),
                ("y = x.clone()", f"y{there} = 0", "x = y"),
                (
                    f"y = x.new_zeros(x.shape[0], {d.channels}, *[{n + 4}] * {d.rank})",
                    f"y[{', '.join([':', ':', *(f':x.shape[{i + 2}]' for i in range(d.rank))])}] = x",
                    "x = y",
                ),
                ("y = torch.zeros_like(x)", f"y{_at(d, axis, '1:')} = x{_at(d, axis, ':-1')}", "x = x - y"),
                (
                    "y = torch.zeros_like(x)",
                    f"for i in range(0, x.shape[{axis}], 4):\n    y{_at(d, axis, 'i:i + 4')} = x{_at(d, axis, 'i:i + 4')} * 2",
                    "x = y",
                ),
                ("y = x.clone()", f"y{_at(d, axis, str(n))} = x.mean({axis})", "x = y"),
            )
        )
    )
