"""Single calls with random arguments, right ones and wrong ones: what each is made with, and the shape that it gets."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .draft import HEAD, Program

__all__ = ["CALLS", "call_of"]

Drawn = tuple[str, str, tuple[int, ...]]

CALLS: dict[str, Callable[[Random], Drawn]] = {}
"""By name, what draws the parts of a module, an expression of ``x``, and a shape."""


def call_of(name: str, number: int) -> Program:
    """Return a program of one call; of the same name and number, it is the same in every run."""
    parts, expression, shape = CALLS[name](Random(f"{name} {number}"))
    init = "".join(f"        {line}\n" for line in ("super().__init__()", *filter(None, parts.split("\n"))))
    *lines, last = expression.split("\n")
    body = "".join(f"        {line}\n" for line in (*lines, f"return {last}"))
    source = f"{HEAD}\nclass Net(nn.Module):\n    def __init__(self):\n{init}\n    def forward(self, x):\n{body}"
    return Program(f"{name}_{number}", source, shape, (name,))


def _call(draw: Callable[[Random], Drawn]) -> Callable[[Random], Drawn]:
    CALLS[draw.__name__] = draw
    return draw


def _map(r: Random, *channels: int) -> tuple[int, ...]:
    return (r.choice(channels or (1, 2, 3, 4, 6)), r.randint(1, 9), r.randint(1, 9))


def _each(r: Random, *choices: int) -> object:
    return r.choice(choices) if r.random() < 0.6 else (r.choice(choices), r.choice(choices))


@_call
def unfold(r: Random) -> Drawn:
    options = f"dilation={_each(r, 1, 1, 2, 3)}, padding={_each(r, 0, 0, 1, 2)}, stride={_each(r, 1, 2, 3)}"
    return "", f"F.unfold(x, {_each(r, 1, 2, 3)}, {options})", _map(r)


@_call
def fold(r: Random) -> Drawn:
    kernel, sides, step = _each(r, 1, 2, 3), r.choice((0, 1)), r.choice((1, 2))
    options = f"{kernel}, padding={sides}, stride={step}"
    size = r.choice(("x.shape[2:]", "x.shape[2:]", f"({r.randint(2, 9)}, {r.randint(2, 9)})"))
    return "", f"F.fold(F.unfold(x, {options}), {size}, {options})", _map(r)


@_call
def windows(r: Random) -> Drawn:
    axis = r.choice((1, 2, 3, -1, -2))
    size = r.choice((1, 2, 3, 4, f"x.shape[{axis}]", f"(x.shape[{axis}] + 1) // 2"))
    return "", f"x.unfold({axis}, {size}, {r.choice((1, 2, 3))})", _map(r)


@_call
def glu(r: Random) -> Drawn:
    return "", f"F.glu(x, {r.choice((1, 2, 3, -1))})", _map(r)


@_call
def channel_shuffle(r: Random) -> Drawn:
    return "", f"F.channel_shuffle(x, {r.choice((1, 2, 3))})", _map(r)


@_call
def tensor_split(r: Random) -> Drawn:
    axis = r.choice((1, 2, 3))
    given = r.choice((1, 2, 3, 4, [1], [2, 5], [2, -2], [-3], [4, 2]))
    parts = len(given) + 1 if isinstance(given, list) else given
    taken = r.choice((f"torch.cat(parts, {axis})", f"parts[{r.randrange(parts)}]", "parts[-1]"))
    return "", f"parts = torch.tensor_split(x, {given}, dim={axis})\n{taken}", _map(r)


@_call
def split_along(r: Random) -> Drawn:
    name, axis = r.choice((("hsplit", 1), ("dsplit", 2)))
    given = r.choice((1, 2, 3, (1,), (2, 4)))
    return "", f"torch.cat(torch.{name}(x, {given})[::-1], {axis})", _map(r)


@_call
def repeat_interleave(r: Random) -> Drawn:
    times = r.choice((1, 2, 3, "x.shape[3]"))
    return "", f"x.repeat_interleave({times}, dim={r.choice((1, 2, 3, -1, -3))})", _map(r)


@_call
def gain(r: Random) -> Drawn:
    made = r.choice(
        ("nn.Parameter(torch.ones(()))", "nn.Parameter(torch.tensor([2.0]))", "nn.Parameter(torch.ones(3))")
    )
    number = "self.gain" if "(()" in made else r.choice(("self.gain[0]", "self.gain.mean(0)", "self.gain.sum(dim=0)"))
    used = r.choice(
        (
            "x * {}",
            "x + {} * F.avg_pool2d(x, 3, 1, 1)",
            "x.relu().mul_({})",
            "torch.where(x > 0, x, {})",
            "x ** {}",
            "torch.lerp(x, x[:, :1], {})",
            "{}.sigmoid() * x + (1 - {}.sigmoid()) * x.mean(1, keepdim=True)",
            "{} / (x + 1)",
        )
    )
    return f"self.gain = {made}", used.replace("{}", number), _map(r)


@_call
def each_sample(r: Random) -> Drawn:
    """Constants that are made for each sample."""
    _, h, w = shape = _map(r)
    made = r.choice((f"torch.zeros(len(x), 2, {h}, {w})", "x.new_ones(x.shape[0], 1, *x.shape[2:])",
                     f"self.row.expand(len(x), -1, {h}, {w})", "self.row.repeat(len(x), 1, *x.shape[2:])"))  # fmt: skip
    return "self.row = nn.Parameter(torch.zeros(1, 2, 1, 1))", f"torch.cat((x, {made}), 1)", shape


@_call
def attention_to_others(r: Random) -> Drawn:
    c, heads = r.choice(((4, 2), (6, 3), (5, 1)))
    tokens, fewer = "x.flatten(2).transpose(1, 2)", "F.avg_pool2d(x, 2).flatten(2).transpose(1, 2)"
    mine, theirs = r.choice(((tokens, fewer), (fewer, tokens), ("self.queries.expand(len(x), -1, -1)", tokens)))
    parts = (f"self.attention = nn.MultiheadAttention({c}, {heads}, batch_first=True)\n"
             f"self.queries = nn.Parameter(torch.zeros(1, 3, {c}))")  # fmt: skip
    attended = r.choice(
        (
            "self.attention(q, k, k)[0]",
            "self.attention(q, k, k, need_weights=False)[0]",
            "F.scaled_dot_product_attention(q, k, k)",
            "(q @ k.transpose(1, 2)).softmax(-1) @ k",
        )
    )
    return parts, f"q, k = {mine}, {theirs}\n{attended}", _map(r, c)


@_call
def unpool(r: Random) -> Drawn:
    kernel, stride, sides = r.choice(((2, 2, 0), (2, 2, 0), (3, 3, 0), (3, 2, 1), (3, 1, 0)))
    size = r.choice((", output_size=x.shape[2:]", ", output_size=x.size()"))
    pooled = f"F.max_pool2d(x, {kernel}, {stride}, {sides}, return_indices=True)"
    return "", f"y, places = {pooled}\nF.max_unpool2d(y, places, {kernel}, {stride}, {sides}{size})", _map(r)


@_call
def fractional_pool(r: Random) -> Drawn:
    n = r.choice((2, 2, 3))
    ratios = tuple(r.choice((0.5, 0.6, 0.75, 0.3)) for _ in range(n))
    wished = r.choice((f"output_size={r.randint(1, 4)}", f"output_ratio={ratios}"))
    return "", f"F.fractional_max_pool{n}d(x, {r.choice((1, 2, 3))}, {wished})", (*_map(r), r.randint(1, 6))[: n + 1]


@_call
def recurrence_in_rows(r: Random) -> Drawn:
    kind, both, layers = r.choice(("LSTM", "GRU", "RNN")), r.random() < 0.5, r.choice((1, 2))
    c, _, w = shape = _map(r, 3, 4)
    made = f"self.rnn = nn.{kind}({r.choice((c, c, w))}, 3, {layers}, batch_first=True, bidirectional={both})"
    rows = r.choice(
        ("x.permute(0, 2, 3, 1).reshape(-1, w, c)", "x.permute(0, 2, 3, 1).flatten(0, 1)", "x.flatten(0, 1)")
    )
    back = "y.view(b, -1, *y.shape[1:])"
    taken = r.choice(("y = self.rnn(rows)[0]", "y = self.rnn(rows)[0][:, -1]",
                      "y = self.rnn(rows)[1]\ny = (y[0] if isinstance(y, tuple) else y)[-1]"))  # fmt: skip
    return made, f"b, c, h, w = x.shape\nrows = {rows}\n{taken}\n{back}", shape


@_call
def cell(r: Random) -> Drawn:
    kind, features = r.choice(("LSTMCell", "GRUCell", "RNNCell")), r.choice((3, 4, 5))
    given = r.choice(("x.mean((2, 3))", "x[:, :, 0, 0]", "x.mean((1, 2))"))
    state = r.choice(("self.cell(y)", "self.cell(y, self.cell(y))"))
    used = f"y = {given}\ns = {state}\ns[0] if isinstance(s, tuple) else s"
    return f"self.cell = nn.{kind}({features}, 3)", used, _map(r, 3, 4, 5)


@_call
def transform(r: Random) -> Drawn:
    axis = r.choice((2, 3, -1, -2))
    there = r.choice(
        (
            f"torch.fft.rfft(x, dim={axis})",
            f"torch.fft.fft(x, n={r.randint(1, 9)}, dim={axis})",
            "torch.fft.rfft2(x)",
            f"torch.fft.rfft2(x, s=({r.randint(1, 9)}, {r.randint(1, 9)}))",
            "torch.fft.fftn(x, dim=(2, 3))",
            f"torch.fft.ihfft(x, dim={axis})",
            "torch.fft.fftshift(torch.fft.fft2(x), dim=(2, 3))",
        )
    )
    back = r.choice(
        (
            "y.abs()",
            "torch.cat((y.real, y.imag), 1)",
            "torch.view_as_real(y).flatten(3)",
            "torch.fft.irfft2(y)",
            "torch.fft.irfft2(y, s=x.shape[2:])",
            f"torch.fft.irfft(y, n={r.randint(1, 9)}, dim={axis})",
            f"torch.fft.irfft(y, dim={axis})",
            "torch.view_as_complex(torch.view_as_real(y).relu()).angle()",
        )
    )
    return "", f"y = {there}\n{back}", _map(r)


@_call
def short_time_transform(r: Random) -> Drawn:
    size = r.choice((4, 8, 7))
    options = [f"hop_length={r.choice((1, 2, 3))}"] if r.random() < 0.5 else []
    options += r.choice(([], ["center=False"], [f"win_length={size - 1}"], ["onesided=False"]))
    made = f"torch.stft(x.flatten(1), {size}, {', '.join((*options, 'return_complex=True'))})"
    return "", f"{made}.abs()", (1, r.randint(1, 6), r.randint(1, 9))


@_call
def products(r: Random) -> Drawn:
    n, made = r.choice((1, 3, 5)), "nn.Parameter(torch.zeros({}))"
    used, parts = r.choice(
        (
            ("x @ self.w", made.format(n)),
            ("x[:, 0] @ self.w[:, None]", made.format(n)),
            ("F.bilinear(x, x[:, :1].expand_as(x), self.w, self.b)", made.format(f"2, {n}, {n}")),
            ("torch.baddbmm(self.b, x.flatten(1, 2), x.flatten(1, 2).transpose(1, 2))", made.format("2")),
            ("torch.addmm(self.b, x[:, 0, 0], self.w)", made.format(f"{n}, 2")),
        )
    )
    return f"self.w = {parts}\nself.b = nn.Parameter(torch.zeros(2))", used, (r.choice((1, 2)), r.randint(1, 4), n)


@_call
def table(r: Random) -> Drawn:
    n = r.randint(3, 12)
    used = r.choice(
        (
            "self.t[torch.arange(h)[:, None], torch.arange(w)[None]]",
            "self.t[torch.arange(h)][:, torch.arange(w)]",
            "self.t[:h, :w]",
            "self.t.index_select(0, torch.arange(h))[:, :w]",
            "self.t[(torch.arange(h)[:, None] - torch.arange(w)[None] + w - 1).clamp(min=0), 0]",
        )
    )
    return f"self.t = nn.Parameter(torch.zeros({n}, {r.randint(3, 12)}))", f"h, w = x.shape[2:]\nx + {used}", _map(r)


@_call
def along_an_axis(r: Random) -> Drawn:
    a = r.choice((1, 2, 3, -1))
    return "", r.choice((
        f"torch.var_mean(x, dim={a}, keepdim=True)[1]", f"torch.std_mean(x, dim={a})[0]", f"x.aminmax(dim={a})[0]",
        f"x.cummax({a})[0]", f"x.logcumsumexp({a})", f"x.kthvalue({r.choice((1, 2, 3))}, dim={a})[0]",
        f"x.mode(dim={a}, keepdim=True)[0]", f"torch.linalg.norm(x, dim={a}, keepdim=True)",
        f"torch.linalg.vector_norm(x, dim=({a},))", f"x.diff(dim={a})", f"x.diff(n=2, dim={a})",
        f"F.cosine_similarity(x, x[:, :, :1], dim={a})", "F.pairwise_distance(x, x.flip(1))", "x.diagonal(dim1=2, dim2=3)",
        "x.diagonal(dim1=1, dim2=-1)", f"x.rot90({r.choice((1, 2))}, (2, 3))", "torch.hstack((x, x[:, :1]))",
        "torch.dstack((x, x[:, :, :1]))", "~(x > 0) * x", "torch.complex(x, x).abs()", "x.heaviside(x[:, :1])",
        "x.select_scatter(x[:, 0], 1, -1)", "x.slice_scatter(x[:, :1], 1, 0, 1)")), _map(r)  # fmt: skip
