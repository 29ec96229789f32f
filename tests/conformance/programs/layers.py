"""Ingredients: layers and functions that keep a map a map."""

from __future__ import annotations

from .draft import Draft, ingredient


def _conv(d: Draft, out: int, kernel: str, options: str = "") -> bool:
    name, layer = d.fresh("conv"), f"nn.Conv{d.rank}d"
    return d.add(f"x = self.{name}(x)", init=(f"self.{name} = {layer}({d.channels}, {out}, {kernel}{options})",))


@ingredient("map", 5)
def conv(d: Draft) -> bool:
    kernel, stride = d.per_axis(1, 2, 3, 3, 5), d.per_axis(1, 1, 1, 2, 3)
    padding = d.r.choice((0, 0, 1, 1, 2, "same" if stride == 1 else 1))
    dilation = d.r.choice((1, 1, 1, 2))
    return _conv(d, d.r.randint(1, 4), f"{kernel}", f", stride={stride}, padding={padding!r}, dilation={dilation}")


@ingredient("map", 1)
def conv_transpose(d: Draft) -> bool:
    name, stride = d.fresh("up"), d.r.choice((1, 2, 2, 3))
    options = f"{d.r.choice((2, 3, 4))}, stride={stride}, padding={d.r.choice((0, 1))}"
    made = f"self.{name} = nn.ConvTranspose{d.rank}d({d.channels}, {d.r.randint(1, 4)}, {options})"
    return d.add(f"x = self.{name}(x)", init=(made,))


@ingredient("map", 3)
def pool(d: Draft) -> bool:
    kind, kernel = d.r.choice(("max", "avg")), d.r.choice((2, 2, 3))
    stride, ceil = d.r.choice((None, 1, 2)), d.r.random() < 0.3
    padding = d.r.choice((0, 0, 1))
    return d.add(f"x = F.{kind}_pool{d.rank}d(x, {kernel}, stride={stride}, padding={padding}, ceil_mode={ceil})")


@ingredient("map", 0.6)
def adaptive_pool(d: Draft) -> bool:
    return d.add(f"x = F.adaptive_{d.r.choice(('avg', 'max'))}_pool{d.rank}d(x, {d.per_axis(1, 2, 3, 4)})")


@ingredient("map", 0.5)
def fractional_pool(d: Draft) -> bool:
    if d.rank == 1:
        return False
    wished = (
        f"output_size={d.r.randint(1, 4)}" if d.r.random() < 0.5 else f"output_ratio={d.r.choice((0.5, 0.6, 0.75))}"
    )
    return d.add(f"x = F.fractional_max_pool{d.rank}d(x, {d.r.choice((1, 2, 3))}, {wished})")


@ingredient("map", 0.6)
def unpool(d: Draft) -> bool:
    n, k = d.rank, d.r.choice((2, 3))
    size = d.r.choice(("", f", output_size=s{d.count}.shape[2:]"))
    return d.add(
        f"s{d.count} = x",
        f"x, places = F.max_pool{n}d(x, {k}, return_indices=True)",
        f"x = F.max_unpool{n}d(x, places, {k}{size})",
    )


@ingredient("map", 0.6)
def interpolate(d: Draft) -> bool:
    wished = d.r.choice(("scale_factor=2", "scale_factor=0.5", "scale_factor=1.5", f"size={d.per_axis(4, 7, 8)}"))
    return d.add(f"x = F.interpolate(x, {wished})")


KEPT = (
    "x.relu()", "F.gelu(x)", "F.pad(x, (1, 1))", "F.pad(x, (0, 2, 1, 0))", "F.pad(x, (1, 2), mode='replicate')",
    "x * 2 - 1", "x.roll(1, 2)", "x.flip(2)", "x.cumsum(-1)", "x.roll(shifts=(1, 2), dims=(1, 2))", "F.softmax(x, 1)",
    "F.normalize(x, dim=1)", "x.transpose(2, -1)", "x.clone(memory_format=torch.contiguous_format)",
    "F.pad(x, (1, 1), mode='reflect')", "F.pad(x, (2, 1), mode='circular')", "x.repeat_interleave(2, dim=2)",
    "x.repeat_interleave(2, 1)", "x.sort(dim=2).values", "x.tile((1, 1) + (2,) * (x.dim() - 2))", "x.diff(dim=2)",
    "x.expand(-1, -1, *x.shape[2:])", "torch.where(x > 0, x, torch.zeros_like(x))", "F.layer_norm(x, x.shape[1:])",
    "x - x.mean(dim=(2,), keepdim=True)", "F.local_response_norm(x, 2)", "x / x.norm(dim=1, keepdim=True)",
    "torch.stack((x, x), 2).flatten(1, 2)", "x.movedim(1, -1).relu().movedim(-1, 1)", "x.nan_to_num()",
)  # fmt: skip


@ingredient("map", 3)
def function(d: Draft) -> bool:
    return d.add(f"x = {d.r.choice(KEPT)}")


@ingredient("map", 0.7)
def rearranged_channels(d: Draft) -> bool:
    return d.add(
        "x = "
        + d.r.choice(
            (
                "F.glu(x, 1)",
                "F.glu(x, 2)",
                "F.channel_shuffle(x, 2)",
                "F.pixel_shuffle(x, 2)",
                "F.pixel_unshuffle(x, 2)",
                "torch.cat(x.chunk(2, 1)[::-1], 1)",
                "x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)",
            )
        )
    )


@ingredient("map", 0.7)
def normalised(d: Draft) -> bool:
    name = d.fresh("norm")
    made = d.r.choice(
        (
            f"nn.BatchNorm{d.rank}d({d.channels})",
            f"nn.GroupNorm(1, {d.channels})",
            f"nn.InstanceNorm{d.rank}d({d.channels})",
            f"nn.PReLU({d.channels})",
        )
    )
    return d.add(f"x = self.{name}(x)", init=(f"self.{name} = {made}",))


@ingredient("map", 0.5)
def factors(d: Draft) -> bool:
    """A parameter without axes, a number in a buffer, or one for each channel as a factor."""
    name = d.fresh("gain")
    made, used = d.r.choice(
        (
            (f"self.{name} = nn.Parameter(torch.tensor(0.5))", f"x = x * self.{name}"),
            (f"self.{name} = nn.Parameter(torch.tensor(0.5))", f"x = x + self.{name} * x.relu()"),
            (f"self.register_buffer('{name}', torch.tensor(2))", f"x = F.pad(x, (self.{name}.item(), 0))"),
            (f"self.register_buffer('{name}', torch.tensor(1))", f"x = F.pad(x, (int(self.{name}), 1))"),
            (f"self.register_buffer('{name}', torch.tensor(True))", f"x = x.relu() if self.{name} else x"),
            (f"self.{name} = nn.Parameter(torch.ones({d.channels}, *[1] * {d.rank}))", f"x = x * self.{name}"),
        )
    )
    return d.add(used, init=(made,))


@ingredient("map", 1)
def keep(d: Draft) -> bool:
    name = d.fresh("skip")
    d.saved.append(name)
    return d.add(f"{name} = x")


@ingredient("map", 2)
def join(d: Draft) -> bool:
    """What was kept comes back: added or concatenated, as it is or fitted."""
    if not d.saved:
        return False
    name, rank = d.saved.pop(), d.rank
    how = d.r.choice(("as it is", "interpolated", "cropped", "padded"))
    lines = []
    if how == "interpolated":
        lines = [f"x = F.interpolate(x, size={name}.shape[2:])"]
    elif how == "cropped":
        name = f"{name}[{', '.join([':', ':', *(f':x.shape[{i + 2}]' for i in range(rank))])}]"
    elif how == "padded":
        sides = ", ".join(f"0, {name}.shape[{i}] - x.shape[{i}]" for i in range(rank + 1, 1, -1))
        lines = [f"x = F.pad(x, ({sides}))"]
    return d.add(*lines, f"x = {d.r.choice((f'torch.cat((x, {name}), 1)', f'x + {name}'))}")


@ingredient("map", 1)
def residual(d: Draft) -> bool:
    name, stride = d.fresh("branch"), d.r.choice((1, 1, 2))
    made = (
        f"self.{name} = nn.Conv{d.rank}d({d.channels}, {d.channels}, 3, stride={stride}, padding={d.r.choice((0, 1))})"
    )
    way = d.r.choice(("x", f"F.avg_pool{d.rank}d(x, {stride})", "x[..., 1:-1]"))
    return d.add(f"x = self.{name}(x) + {way}", init=(made,))


@ingredient("map", 0.6)
def grid(d: Draft) -> bool:
    """Coordinates as channels, or as places to sample at."""
    if d.rank != 2:
        return False
    return d.add(
        *d.r.choice(
            (
                (
                    "rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing='ij')",
                    "x = torch.cat((x, torch.stack((rows, columns)).float().expand(x.shape[0], -1, -1, -1)), 1)",
                ),
                (
                    "column = torch.linspace(-1, 1, x.shape[3]).expand(x.shape[0], 1, x.shape[2], x.shape[3])",
                    "x = torch.cat([x, column], dim=1)",
                ),
                ("x = torch.cat((x, torch.zeros(x.shape[0], 1, *x.shape[2:])), 1)",),
                ("x = torch.cat((x, x.new_ones(1, 2, 1, 1).expand(x.shape[0], 2, x.shape[2], x.shape[3])), dim=1)",),
            )
        )
    )


@ingredient("map", 0.6)
def spectrum(d: Draft) -> bool:
    if d.rank == 2 and d.r.random() < 0.6:
        return d.add(
            d.r.choice(
                (
                    "x = torch.fft.rfft2(x).abs()",
                    "x = torch.fft.irfft2(torch.fft.rfft2(x))",
                    "x = torch.fft.irfft2(torch.fft.rfft2(x), s=x.shape[-2:])",
                    "x = torch.fft.fft2(x).real",
                )
            )
        )
    return d.add(
        d.r.choice(
            (
                "x = torch.fft.rfft(x).abs()",
                "x = torch.fft.irfft(torch.fft.rfft(x), n=x.shape[-1])",
                "x = torch.fft.fft(x).real",
                "x = torch.fft.rfft(x, dim=2).real",
            )
        )
    )


@ingredient("map", 0.5)
def patches(d: Draft) -> bool:
    """Windows cut out, as columns or as an axis of their own."""
    k, s = d.r.choice((2, 3)), d.r.choice((1, 2))
    lines = [(f"x = x.unfold(2, {k}, {s}).mean(-1)",)]
    if d.rank == 2:
        lines += [
            ("h, w = x.shape[2:]", f"x = F.fold(F.unfold(x, {k}, stride={s}), (h, w), {k}, stride={s})"),
            (f"x = F.unfold(x, {k}, stride={s}, padding=1).unflatten(2, (-1, 1))",),
            (f"x = x.unfold(2, {k}, {s}).unfold(3, {k}, {s}).amax((-1, -2))",),
        ]
    return d.add(*d.r.choice(lines))
