"""Ingredients: layers on tokens, and their way back to a map."""

from __future__ import annotations

from .draft import Draft, ingredient


@ingredient("tokens", 2)
def token_layer(d: Draft) -> bool:
    name, c = d.fresh("layer"), d.features
    made = d.r.choice((f"nn.Linear({c}, {c})", f"nn.LayerNorm({c})", f"nn.Linear({c}, {c + 1})", "nn.GELU()"))
    return d.add(
        f"x = x + self.{name}(x)" if d.r.random() < 0.3 else f"x = self.{name}(x)", init=(f"self.{name} = {made}",)
    )


@ingredient("tokens", 2)
def attention(d: Draft) -> bool:
    name, c = d.fresh("attention"), d.features
    if d.at_most(d.x.shape[1]) > 1000:
        return False
    return d.add(
        *d.r.choice(
            (
                (f"x = self.{name}(x, x, x)[0]",),
                (f"x = self.{name}(x, x, x, need_weights=False)[0]",),
                (f"x = self.{name}(x, x[:, :4], x[:, :4])[0]",),
                ("x = F.scaled_dot_product_attention(x, x, x)",),
                ("x = (x @ x.transpose(1, 2)).softmax(-1) @ x",),
                ("x = torch.einsum('bnm,bmc->bnc', torch.einsum('bnc,bmc->bnm', x, x), x)",),
                (
                    "b, n, c = x.shape",
                    "q, k, v = x.repeat(1, 1, 3).view(b, n, 3, 1, c).permute(2, 0, 3, 1, 4).unbind(0)",
                    "x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)",
                ),
            )
        ),
        init=(f"self.{name} = nn.MultiheadAttention({c}, 1, batch_first=True)",),
    )


@ingredient("tokens", 1)
def recurrent(d: Draft) -> bool:
    name, kind = d.fresh("rnn"), d.r.choice(("GRU", "LSTM", "RNN"))
    features = d.features if d.r.random() < 0.7 else d.x.shape[1]
    if d.at_most(d.x.shape[1]) > 1700:
        return False
    turned = "" if features == d.features else ".transpose(1, 2)"
    taken = d.r.choice(("", "", "[:, -1:]", "[:, :3]"))
    return d.add(
        f"x = self.{name}(x{turned})[0]{taken}",
        init=(f"self.{name} = nn.{kind}({features}, 3, batch_first=True, bidirectional={d.r.random() < 0.3})",),
    )


@ingredient("tokens", 1)
def mixed_tokens(d: Draft) -> bool:
    """A linear layer across tokens, or one table row for each."""
    name, n, c = d.fresh("mix"), d.x.shape[1], d.features
    if n > 300:
        return False
    made, line = d.r.choice(
        (
            (f"nn.Linear({n}, {n})", f"x = x + self.{name}(x.transpose(1, 2)).transpose(1, 2)"),
            (f"nn.Parameter(torch.zeros(1, {n}, {c}))", f"x = x + self.{name}"),
            (f"nn.Parameter(torch.zeros(1, {n + 5}, {c}))", f"x = x + self.{name}[:, :x.shape[1]]"),
            (f"nn.Embedding({n + 3}, {c})", f"x = x + self.{name}(torch.arange(x.shape[1], device=x.device))"),
            (f"nn.Embedding({n}, {c})", f"x = x + self.{name}(torch.arange(x.shape[1])[None].expand(x.shape[0], -1))"),
            (f"nn.Parameter(torch.zeros(1, 1, {c}))", f"x = torch.cat((self.{name}.expand(x.shape[0], -1, -1), x), 1)"),
            (f"nn.Parameter(torch.zeros(1, 2, {c}))", f"x = torch.cat([self.{name}.repeat(len(x), 1, 1), x], dim=1)"),
            (f"nn.TransformerEncoderLayer({c}, 1, 4, batch_first=True)", f"x = self.{name}(x)"),
            (f"nn.Bilinear({c}, {c}, 2)", f"x = self.{name}(x, x)"),
        )
    )
    return d.add(line, init=(f"self.{name} = {made}",))


@ingredient("tokens", 0.8)
def all_tokens(d: Draft) -> bool:
    """Every token a row of the batch, and back."""
    name, c = d.fresh("rows"), d.features
    return d.add(
        "b, n, c = x.shape",
        *d.r.choice(
            (
                (f"x = self.{name}(x.reshape(b * n, c)).view(b, n, c)",),
                (f"x = self.{name}(x.reshape(-1, c)).reshape(b, -1, c)",),
                (f"x = self.{name}(x.flatten(0, 1)).unflatten(0, (b, n))",),
                (f"x = self.{name}(x.reshape(-1, c)).view(-1, n, c)",),
            )
        ),
        init=(f"self.{name} = nn.Linear({c}, {c})",),
    )


@ingredient("tokens", 1)
def to_vector(d: Draft) -> bool:
    return d.add(
        d.r.choice(("x = x.mean(1)", "x = x[:, 0]", "x = x[:, -1]", "x = x.amax(dim=1)", "x = x[:, 2]")), kind="vector"
    )


@ingredient("tokens", 0.8)
def token_head(d: Draft) -> bool:
    name, k = d.fresh("head"), d.x[0].numel()
    if k > 4000:
        return False
    return d.add(f"x = self.{name}(x.{d.r.choice(('flatten(1)', 'reshape(x.shape[0], -1)'))})",
                 init=(f"self.{name} = nn.Linear({k}, 3)",), kind="vector")  # fmt: skip


@ingredient("tokens", 0.8)
def to_map(d: Draft) -> bool:
    """Tokens laid out as a square, by its side."""
    if d.rank != 2:
        return d.add("x = x.transpose(1, 2)", kind="map") if d.rank == 1 else False
    return d.add(
        "b, n, c = x.shape",
        *d.r.choice(
            (
                ("side = int(n ** 0.5)", "x = x.transpose(1, 2).reshape(b, c, side, side)"),
                ("side = math.isqrt(n)", "x = x.transpose(1, 2).reshape(b, c, side, n // side)"),
                ("x = x.transpose(1, 2).unflatten(2, (-1, 2))",),
                ("x = x.transpose(1, 2).reshape(b, c, n, 1)",),
            )
        ),
        kind="map",
    )
