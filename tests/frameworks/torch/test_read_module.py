"""Programs written by hand: what the recording keeps of them, held against executions on the CPU."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import convsolve as cs

from .executed import faithful, opaque


def line(text):
    """Return the place in this file where a text first stands."""
    source = Path(__file__).read_text()
    return f"{Path(__file__).relative_to(Path.cwd())}:{source[: source.index(text)].count(chr(10)) + 1}"


class Block(nn.Sequential):
    def __init__(self, inside, outside):
        super().__init__(nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class UNet(nn.Module):
    """The classic: what the decoder makes is padded by computed differences."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = Block(3, 8), Block(8, 16), Block(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.up1, self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.d, self.e, self.out = Block(32, 16), Block(16, 8), nn.Conv2d(8, 2, 1)

    def join(self, up, skip):
        dy, dx = skip.size()[2] - up.size()[2], skip.size()[3] - up.size()[3]
        up = functional.pad(up, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return torch.cat([skip, up], dim=1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(self.pool(a))
        c = self.c(self.pool(b))
        d = self.d(self.join(self.up1(c), b))
        return self.out(self.e(self.join(self.up2(d), a)))


def test_a_unet_that_pads_by_computed_differences():
    network = faithful(UNet(), (3, 32, 32), (3, 33, 47), (3, 4, 5), (3, 3, 9), (3, 101, 64))
    assert not opaque(network) and not network.guards
    assert "e.0" in network.by_name and network.by_name["pad_2"].source == line("up = functional.pad(up")


class Classifier(nn.Module):
    def __init__(self, flatten):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU())
        self.flatten = flatten
        self.classifier = nn.Linear(16 * 8 * 8, 10)

    def forward(self, x):
        return self.classifier(self.flatten(self.features(x)))


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.view(x.size(0), -1),
        lambda x: x.reshape(x.shape[0], -1),
        lambda x: x.view(len(x), -1),
        lambda x: x.view(-1, math.prod(x.shape[1:])),
        lambda x: x.view(-1, x.shape[1:].numel()),
        lambda x: x.view(-1, 16 * 8 * 8),
        lambda x: x.flatten(1),
        lambda x: torch.flatten(x, start_dim=1, end_dim=-1),
        lambda x: x.permute(0, 2, 3, 1).reshape(x.shape[0], -1),
        lambda x: x.flatten(2).transpose(1, 2).flatten(1),
        lambda x: x.view(-1).view(x.size(0), -1),
        lambda x: torch.stack([x, x]).sum(0).reshape(x.size()[0], x.numel() // x.size()[0]),
    ],
)
def test_ways_to_flatten(flatten):
    network = faithful(Classifier(flatten), (1, 28, 28), (1, 29, 28), (1, 32, 32), (1, 14, 14), (1, 8, 8))
    assert not opaque(network)


def test_samples_that_would_be_mixed_are_a_failure():
    """PyTorch makes a batch of another size of it, and says nothing, where the numbers divide."""
    module = Classifier(lambda x: x.view(-1, 16 * 8 * 8))
    assert module(torch.zeros(1, 1, 44, 28)).shape == (2, 10)
    report = cs.check(cs.from_torch(module, (1, 28, 28)).with_input((1, 44, 28)))
    assert [f.code for f in report.failures] == ["CS014"]


class Pyramid(nn.Module):
    """Sizes of other tensors, by interpolation, cropping and computed pools."""

    def __init__(self, join):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2)
        self.join = join

    def forward(self, x):
        a = self.a(x)
        return self.join(a, self.b(a))


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: a + functional.interpolate(b, size=a.shape[-2:]),
        lambda a, b: a + functional.interpolate(b, size=(a.shape[2], a.size(3)), mode="bilinear", align_corners=False),
        lambda a, b: a[:, :, : b.shape[2], : b.shape[3]] + b,
        lambda a, b: a[..., (a.shape[2] - b.shape[2]) // 2 :, :][..., : b.shape[2], -b.shape[3] :] + b,
        lambda a, b: b + functional.adaptive_avg_pool2d(a, b.shape[2:]),
        lambda a, b: torch.cat([functional.interpolate(b, scale_factor=2), a[:, :, 1:, 1:]], 1),
        lambda a, b: functional.avg_pool2d(a, a.size()[2:]) + b,
        lambda a, b: functional.interpolate(b, size=[int(n * 1.5) for n in a.shape[2:]]),
        lambda a, b: functional.interpolate(b, size=[round(n / 2) for n in a.shape[2:]]),
        lambda a, b: functional.interpolate(b, size=(math.ceil(a.shape[2] / 3), math.floor(a.shape[3] * 0.75) + 1)),
        lambda a, b: functional.interpolate(b, size=(max(a.shape[2] - 7, 2), min(a.shape[3], 9))),
        lambda a, b: functional.pad(b, (0, -b.shape[3] % 4, 0, -b.shape[2] % 4)),
        lambda a, b: functional.pad(b, [0, 0, 0, 0, 2, 2]) + 1,
        lambda a, b: b * a.mean((2, 3), keepdim=True).sigmoid(),
        lambda a, b: b * b.new_ones(b.shape[0], b.shape[1], 1, 1) + torch.zeros_like(b),
        lambda a, b: b.repeat(1, 2, 1, 3)[:, ::2],
        lambda a, b: b.view(b.shape[0], 2, 4, b.shape[2], b.shape[3]).transpose(1, 2).reshape(b.shape),
        lambda a, b: torch.stack(b.split(1, dim=1), 2).squeeze(1),
        lambda a, b: torch.cat(a.chunk(4, dim=1)[:2], 1) + b.unbind(1)[0].unsqueeze(1),
        lambda a, b: b + torch.arange(b.shape[3]).float(),
        lambda a, b: b + b.amax(1, keepdim=True).expand(-1, b.size(1), -1, -1).max(dim=1, keepdim=True)[0],
        lambda a, b: functional.pixel_shuffle(functional.max_pool2d(b, 2, ceil_mode=True), 2),
        lambda a, b: (b.flatten(2).transpose(1, 2) @ b.flatten(2)).softmax(-1),
        lambda a, b: functional.scaled_dot_product_attention(*[b.flatten(2).transpose(1, 2)] * 3),
    ],
)  # fmt: skip
def test_sizes_that_come_from_other_tensors(join):
    network = faithful(Pyramid(join), (3, 33, 35), (3, 32, 32), (3, 34, 40), (3, 64, 21), (3, 9, 11))
    assert not opaque(network)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)

    def forward(self, x):
        if x.shape[-1] > 20 and x.shape[0] > 0:
            x = self.pool(x)
        return self.conv(x)


def test_branches_on_sizes_are_guards():
    network = faithful(Branches(), (3, 32, 32), (3, 40, 21), (3, 16, 20), (3, 2, 2))
    (guard,) = network.guards
    assert str(guard.condition) == "20 < input.width" and guard.source == line("if x.shape[-1] > 20")
    report = cs.check(network.with_input((3, 16, 16)))
    assert not report.ok and not report.failures and report.unknown[0].code == "CS028"
    assert [layer.name for layer in network.record((3, 16, 16)).layers] == ["input", "conv"]


class Counted(nn.Module):
    """How often it goes round depends on a size, by way of `range`, which sees plain numbers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        for _ in range(x.shape[-1] // 16):
            x = self.conv(x)
        return x


def test_a_size_that_range_reads_leaves_guards():
    network = faithful(Counted(), (3, 32, 32), (3, 32, 64), (3, 80, 80))
    assert {str(g.condition) for g in network.guards} == {"1 < input.width//16", "input.width//16 <= 2"}
    assert cs.check(network).params == 3 * 3 * 9 + 3  # shared, and counted once


class ThreeFailures(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 9), nn.Conv2d(5, 8, 3), nn.Linear(10, 4)

    def forward(self, x):
        narrow = self.a(x)
        wrong = self.b(x)
        return narrow, wrong, self.c(wrong.mean((2, 3)))


def test_one_run_finds_every_failure():
    report = cs.check(cs.from_torch(ThreeFailures(), (3, 7, 7)))
    assert [(f.layer, f.code) for f in report.failures] == [("a", "CS001"), ("b", "CS010"), ("c", "CS011")]
    assert all(":" in f.source and "test_read_module.py" in f.source for f in report.failures)


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x):
        y = self.conv(x)
        spectrum = torch.cumulative_trapezoid(y)
        return self.head(y.mean((2, 3))), spectrum


def test_what_is_not_known_is_opaque_and_the_rest_stays_exact():
    network = cs.from_torch(Unknown(), (3, 16, 20))
    assert len(opaque(network)) == 1 and cs.check(network).shapes["cumulative_trapezoid"] == (4, 16, 19)
    report = cs.check(network.with_input((3, 32, 20)))
    assert not report.failures and [u.code for u in report.unknown] == ["CS027"]
    assert report.shapes["head"] == (2,) and report.shapes["conv"] == (4, 32, 20)


class OneAndThree(nn.Module):
    def __init__(self, rank):
        super().__init__()
        conv, norm, pool = (getattr(nn, f"{n}{rank}d") for n in ("Conv", "BatchNorm", "AvgPool"))
        up = getattr(nn, f"ConvTranspose{rank}d")
        self.net = nn.Sequential(
            conv(2, 4, 3, dilation=2), norm(4), nn.PReLU(4), pool(2, padding=1), nn.GroupNorm(2, 4), nn.Dropout(),
            up(4, 6, 3, stride=2, output_padding=1), nn.LeakyReLU())  # fmt: skip

    def forward(self, x):
        return self.net(x)


def test_one_and_three_axes():
    assert not opaque(faithful(OneAndThree(1), (2, 32), (2, 9), (2, 4), (2, 100)))
    assert not opaque(faithful(OneAndThree(3), (2, 12, 13, 14), (2, 9, 9, 9), (2, 4, 9, 9), (2, 20, 7, 8)))


class Recurrent(nn.Module):
    def __init__(self, kind, last, **options):
        super().__init__()
        self.conv, self.last = nn.Conv1d(4, 8, 5, stride=2), last
        self.steps = kind(8, 16, **options)
        self.head = nn.Linear(16 * (2 if options.get("bidirectional") else 1), 3)
        self.first = options.get("batch_first", False)

    def forward(self, x):
        x = self.conv(x)
        x = x.transpose(1, 2) if self.first else x.permute(2, 0, 1)
        steps, state = self.steps(x)
        if self.last == "state":
            return self.head((state[0] if isinstance(state, tuple) else state)[-1])
        return self.head(steps[:, -1] if self.first else steps[-1])


def test_recurrent_layers():
    cases = [(nn.LSTM, "steps", {"batch_first": True, "bidirectional": True}), (nn.LSTM, "state", {}),
             (nn.GRU, "steps", {"num_layers": 2}), (nn.GRU, "state", {"batch_first": True, "num_layers": 3}),
             (nn.RNN, "steps", {"bias": False, "batch_first": True})]  # fmt: skip
    for kind, last, options in cases:
        assert not opaque(faithful(Recurrent(kind, last, **options), (4, 40), (4, 60), (4, 5), (4, 4)))


def test_embeddings_attention_and_encoders():
    tokens = nn.Sequential(nn.Embedding(100, 16), nn.TransformerEncoderLayer(16, 4, 32, batch_first=True))
    network = cs.from_torch(tokens, (12,))
    report = cs.check(network)
    assert report.ok and report.output == (12, 16) and not opaque(network)
    assert report.params == sum(p.numel() for p in tokens.parameters())


def test_parameters_are_counted_once_and_none_is_lost():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(4, 4, 3, padding=1)
            self.never = nn.Linear(7, 7)
            self.scale = nn.Parameter(torch.ones(4, 1, 1))
            self.position = nn.Parameter(torch.zeros(1, 4, 1, 8))

        def forward(self, x):
            return self.head(self.head(x)) * self.scale + self.position

    network = faithful(Shared(), (4, 8, 8), (4, 16, 8), (4, 8, 1))
    assert network.by_name["head_2"].shares == "head"
    assert network.by_name["never.unused"].operator.shape == (56,)
    assert network.by_name["position"].operator.shape == (4, 1, 8)
    normed = faithful(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))), (3, 8, 8), (3, 2, 2))
    assert not opaque(normed)


def test_the_module_is_not_touched():
    module = UNet().train()
    before = {name: p.clone() for name, p in module.state_dict().items()}
    cs.from_torch(module, (3, 32, 32))
    assert module.training and all(p.device.type == "cpu" for p in module.parameters())
    assert all(torch.equal(before[name], p) for name, p in module.state_dict().items())
    assert not any("max" in vars(sys.modules[name]) for name in (__name__,))


def test_training_is_recorded_where_it_is_asked_for():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    assert cs.check(cs.from_torch(module, (3, 3, 3))).ok
    report = cs.check(cs.from_torch(module, (3, 3, 3), training=True))
    assert [(f.layer, f.code) for f in report.failures] == [("1", "CS016")]
    assert cs.check(cs.from_torch(module, (3, 3, 3), training=True, batch_size=2)).ok


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, image, features):
            return {"map": self.conv(image), "features": (features * 2, features.unsqueeze(-1))}

    network = cs.from_torch(Two(), [(3, 8, 8), (5,)])
    assert [layer.name for layer in network.inputs] == ["image", "features"] and len(network.outputs) == 3
    assert cs.check(network).output == (4, 6, 6)


def test_inputs_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.scale = nn.Conv2d(3, 4, 3), nn.Linear(5, 4)

        def forward(self, image, mask=None, *, features):
            x = self.conv(image) * self.scale(features)[:, :, None, None]
            return x if mask is None else x * mask

    network = cs.from_torch(Named(), {"features": (5,), "image": (3, 8, 9)})
    assert [layer.name for layer in network.inputs] == ["features", "image"] and cs.check(network).output == (4, 6, 7)
    assert cs.check(network, {"image": (3, 20, 9)}).output == (4, 18, 7)
    assert [f.layer for f in cs.check(network, [(5,), (3, 2, 9)]).failures] == ["conv"]
    assert [f.layer for f in cs.check(network, {"features": (6,)}).failures] == ["scale"]
    masked = cs.from_torch(Named(), {"image": (3, 8, 9), "mask": (1, 6, 7), "features": (5,)})
    assert [f.layer for f in cs.check(masked, {"image": (3, 9, 9)}).failures] == ["mul_2"]
    assert cs.repair(masked, {"image": (3, 9, 9)}) and cs.diagnose(masked, input_shape={"image": (3, 9, 9)})
    for given, wanted in (
        ({"image": (3, 8, 9), "feature": (5,)}, "no input 'feature': did you mean 'features'"),
        ({"image": (3, 8, 9)}, r"inputs of Named \(image, mask, features\) .* missing a required argument: 'features'"),
        ([(3, 8, 9)] * 3, "too many positional arguments"),
        ({"image": 3, "features": (5,)}, "3 is no input shape"),
    ):
        with pytest.raises(cs.UnreadableError, match=wanted):
            cs.from_torch(Named(), given)
    with pytest.raises(cs.ConvsolveError, match=r"2 inputs \(features, image\), got 1 shape"):
        cs.check(network, (3, 8, 9))
    with pytest.raises(cs.ConvsolveError, match="no input 'picture'"):
        cs.check(network, {"picture": (3, 8, 9)})


class Folded(nn.Module):
    """Windows in the batch axis, and back."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(6, 6)

    def forward(self, x):
        b, c, h, w = x.shape
        windows = x.view(b, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
        mixed = self.mix(windows).softmax(dim=1)
        count = windows.shape[0] // b
        mixed = mixed.view(b, count, 16, c)
        return mixed.view(b, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).contiguous().view(b, c, h, w)


def test_windows_in_the_batch_axis():
    assert not opaque(faithful(Folded(), (6, 16, 24), (6, 4, 4), (6, 40, 8), (6, 18, 24)))


@pytest.mark.parametrize(
    ("forward", "wanted"),
    [
        (lambda x: x if x.sum().item() > 0 else -x, "looks at the values"),
        (lambda x: x[x > 0], "nonzero|values"),
        (lambda x: torch.zeros(3), "no tensor that depends"),
        (lambda x: 1 / 0, "raised ZeroDivisionError"),
        (lambda x: x.view(-1, 3).no_such_thing, "raised AttributeError"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(forward, wanted):
    class Odd(nn.Module):
        def forward(self, x):
            return forward(x)

    with pytest.raises(cs.UnreadableError, match=wanted) as error:
        cs.from_torch(Odd(), (3, 8, 9))
    assert "\n" not in str(error.value) and (
        "test_read_module.py:" in str(error.value) or "returns" in str(error.value)
    )


def test_bad_shapes_and_modules():
    for shape in ((), (3, 0), (3, -1, 4), (2.5, 3), [()]):
        with pytest.raises(cs.UnreadableError, match="no input shape"):
            cs.from_torch(nn.ReLU(), shape)
    with pytest.raises(cs.UnreadableError, match="scripted"):
        cs.from_torch(torch.jit.script(nn.Linear(2, 2)), (2,))
    with pytest.raises(cs.UnreadableError, match=r"lazy module .* does not run"):
        cs.from_torch(nn.Sequential(nn.Linear(3, 2), nn.LazyLinear(2)), (2,))


def test_importing_convsolve_does_not_import_torch():
    probe = "import convsolve, sys; convsolve.load; assert 'torch' not in sys.modules; convsolve.from_torch; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", probe], check=True)
