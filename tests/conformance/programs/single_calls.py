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
    made = r.choice(("nn.Parameter(torch.ones(()))", "nn.Parameter(torch.tensor([2.0]))", "nn.Parameter(torch.ones(3))"))
    number = "self.gain" if "(()" in made else r.choice(("self.gain[0]", "self.gain.mean(0)", "self.gain.sum(dim=0)"))
    used = r.choice((
        "x * {}", "x + {} * F.avg_pool2d(x, 3, 1, 1)", "x.relu().mul_({})", "torch.where(x > 0, x, {})", "x ** {}",
        "torch.lerp(x, x[:, :1], {})", "{}.sigmoid() * x + (1 - {}.sigmoid()) * x.mean(1, keepdim=True)", "{} / (x + 1)"))
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
    attended = r.choice((
        "self.attention(q, k, k)[0]", "self.attention(q, k, k, need_weights=False)[0]",
        "F.scaled_dot_product_attention(q, k, k)", "(q @ k.transpose(1, 2)).softmax(-1) @ k"))
    return parts, f"q, k = {mine}, {theirs}\n{attended}", _map(r, c)
