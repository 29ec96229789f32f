"""The size sets of public networks, beside running them: ``python -m tests.benchmarks.sizes [WORD ...]``.

For each network whose name has one of the words (without words, for all): CPU seconds for reading it, for its sizes,
and for the proof; how many boxes the set has and whether it is complete and proven; and of 30 sizes, drawn around the
set's edges and at random, how many are known and how many are said to be other than running the network is: on the
meta device, and of some networks at small sizes on the CPU, too. What is not installed is named at the end.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import multiprocessing
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import convsolve as cs
from convsolve.frameworks.torch import declare_torchvision_operators
from convsolve.sizes.valid_sizes import ValidSizes, valid_sizes

__all__ = ["NETWORKS", "Row", "main", "measured"]

_POINTS = 30
_ON_CPU = ("timm:mobilevit_xxs", "timm:resnet18", "timm:regnetx_002", "smp:Unet")
_ON_CPU_POINTS = 5
_LARGEST = 512
_LIMIT = 300
_SLOW = 5.0

_TIMM = """
vit_tiny_patch16_224 vit_small_patch32_224 deit_tiny_patch16_224 deit3_small_patch16_224 cait_xxs24_224
crossvit_tiny_240 convit_tiny swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swinv2_cr_tiny_224 mobilevit_xxs
mobilevitv2_050 gmlp_ti16_224 mixer_s32_224 resmlp_12_224 tiny_vit_5m_224 pvt_v2_b0 twins_svt_small
twins_pcpvt_small xcit_nano_12_p16_224 coat_tiny coat_lite_tiny levit_128s visformer_tiny pit_ti_224
tnt_s_patch16_224 nest_tiny eva02_tiny_patch14_224 efficientformer_l1 efficientformerv2_s0 edgenext_xx_small
focalnet_tiny_srf poolformer_s12 volo_d1_224 maxvit_rmlp_pico_rw_256 coatnet_pico_rw_224 hiera_tiny_224 davit_tiny
fastvit_t8 mvitv2_tiny sequencer2d_s convformer_s18 gcvit_xxtiny efficientvit_b0 efficientvit_m0 flexivit_small
nextvit_small
nasnetalarge resnet18 densenet121 inception_v3 xception41 dm_nfnet_f0 hrnet_w18_small ghostnet_100
mobilenetv3_small_100 tf_efficientnet_b0 dla34 res2net50_26w_4s selecsls42b vovnet39a regnetx_002 convnext_atto
cspresnet50 dpn68 tf_mobilenetv3_small_075
"""
_TORCHVISION = """
alexnet vgg11 googlenet squeezenet1_0 shufflenet_v2_x0_5 swin_t maxvit_t mnasnet0_5 lraspp_mobilenet_v3_large
"""
_SMP = "Unet UnetPlusPlus MAnet Linknet FPN PSPNet PAN DeepLabV3Plus UPerNet Segformer DPT"


def _timm(name: str) -> nn.Module:
    import timm

    module: nn.Module = timm.create_model(name, pretrained=False)
    return module


def _torchvision(name: str) -> nn.Module:
    import torchvision

    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module: nn.Module = torchvision.models.get_model(
        name, weights=None, **({"weights_backbone": None} if "lraspp" in name else options)
    )
    return module


def _smp(name: str) -> nn.Module:
    import segmentation_models_pytorch as smp

    encoder = "tu-vit_tiny_patch16_224" if name == "DPT" else "resnet18"
    options = {"dynamic_img_size": True} if name == "DPT" else {}
    module: nn.Module = getattr(smp, name)(encoder, encoder_weights=None, **options)
    return module


def _monai(name: str) -> nn.Module:
    from monai.networks import nets

    options: dict[str, Any] = {"spatial_dims": 2, "in_channels": 3, "out_channels": 2}
    options |= {
        "UNet": {"channels": (8, 16, 32, 64), "strides": (2, 2, 2)},
        "AttentionUnet": {"channels": (8, 16, 32), "strides": (2, 2)},
        "UNETR": {"img_size": (96, 96), "hidden_size": 192, "mlp_dim": 384, "num_heads": 3},
        "SwinUNETR": {"feature_size": 12},
    }.get(name, {})
    module: nn.Module = getattr(nets, name)(**options)
    return module


class _Output(nn.Module):
    """A network of transformers: its images in, its first tensor out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> Any:
        return self.network(pixel_values=x, return_dict=False)[0]


def _transformers(name: str) -> nn.Module:
    import transformers

    kind, _, task = name.partition("For")
    own: dict[str, Any] = {
        "Segformer": {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 40, 64]},
        "Swin": {"embed_dim": 24, "depths": [1, 2, 1, 1]},
        "Swinv2": {"embed_dim": 24, "depths": [1, 2, 1, 1]},
        "ViT": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96},
        "FocalNet": {"embed_dim": 24, "depths": [1, 1, 1, 1]},
    }.get(kind, {})
    config = getattr(transformers, f"{kind}Config")(**own)
    return _Output(getattr(transformers, f"{kind}For{task}")(config))


_LIBRARIES: dict[str, tuple[str, Callable[[str], nn.Module], list[str]]] = {
    "timm": ("timm", _timm, _TIMM.split()),
    "torchvision": ("torchvision", _torchvision, _TORCHVISION.split()),
    "smp": ("segmentation_models_pytorch", _smp, _SMP.split()),
    "monai": ("monai", _monai, ["BasicUNet", "UNet", "AttentionUnet", "UNETR", "SwinUNETR", "SegResNet"]),
    "transformers": ("transformers", _transformers, [
        "SegformerForSemanticSegmentation", "SwinForImageClassification", "Swinv2ForImageClassification",
        "ViTForImageClassification", "MobileNetV1ForImageClassification", "MobileNetV2ForImageClassification",
        "FocalNetForImageClassification"]),
}  # fmt: skip

NETWORKS = [f"{library}:{name}" for library, (_, _, names) in _LIBRARIES.items() for name in names]
"""The networks: transformers, mixers and hybrids first."""


@dataclass(frozen=True)
class Row:
    """What was measured of one network; ``wrong`` are the sizes that are said to be other than running it is."""

    reading: float
    sizes: float
    proof: float
    boxes: int
    complete: bool
    proved: bool
    known: int
    wrong: tuple[tuple[tuple[int, ...], bool], ...]
    text: str


def built(name: str) -> nn.Module:
    """Return a network by its name, without pretrained weights; most of them on the meta device."""
    library, _, own = name.partition(":")
    if name not in _ON_CPU:
        with contextlib.suppress(Exception), torch.device("meta"):  # some compute their parameters with tensors
            return _LIBRARIES[library][1](own).eval()
    return _LIBRARIES[library][1](own).eval()


def measured(module: nn.Module, size: int) -> Row:
    """Read a network, ask for its sizes with and without a proof, and run it at some of them."""
    start = time.process_time()
    network = cs.from_torch(module, (3, size, size))
    read = time.process_time()
    valid_sizes(network, prove=False)
    found = time.process_time()
    sizes = valid_sizes(network)
    proof = max(0.0, time.process_time() - found - (found - read))
    points = list(_points(sizes, size))
    known = [p for p in points if p in sizes.known and sizes.holds(p) is not None]
    small = (
        [p for p in known if max(p) <= 64][:_ON_CPU_POINTS] if next(module.parameters()).device.type == "cpu" else []
    )
    wrong = [(p, runs) for p in small if (runs := _runs(module, p)) is not sizes.holds(p)]
    module.to("meta")
    wrong += [(p, runs) for p in known if (runs := _runs(module, p)) is not sizes.holds(p)]
    return Row(read - start, found - read, proof, len(sizes.region.parts), sizes.complete, sizes.proved,
               len(known), tuple(wrong), str(sizes))  # fmt: skip


def _points(sizes: ValidSizes, size: int) -> Iterator[tuple[int, ...]]:
    """Yield sizes around the edges of the set, and others at random."""
    draw = random.Random(size)
    edges = {size, size + 1, size - 1, size + 32}
    for part in sizes.region.parts[:8]:
        for own in part:
            first = own.minimum or 1
            edges |= {first, first + 1, first - 1, first + own.period, *own.first(3)}
    choices = sorted(n for n in edges if 1 <= n <= _LARGEST)
    for i in range(_POINTS):
        yield tuple(draw.choice(choices) if draw.random() < (0.8 if i < 20 else 0.2) else draw.randrange(1, 300)
                    for _ in sizes.region.axes)  # fmt: skip


def _runs(module: nn.Module, point: tuple[int, ...]) -> bool:
    try:
        with torch.no_grad():
            result = module(torch.zeros(2, 3, *point, device=next(module.parameters()).device))
    except Exception:  # whatever it raises, it does not run
        return False
    return not any(0 in t.shape for t in _tensors(result))


def _tensors(result: Any) -> Iterator[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, (list, tuple)):
        for part in result:
            yield from _tensors(part)
    elif isinstance(result, dict):
        yield from _tensors(list(result.values()))


def _worker(name: str, size: int, answers: Any) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    try:
        answers.put(measured(built(name), size))
    except Exception as error:  # the table says so, and goes on
        answers.put(f"{type(error).__name__}: {error}".splitlines()[0][:150])


def _size(name: str) -> int:
    return next((n for n in (240, 256, 96) if name.endswith((f"_{n}", "UNETR")) and (n != 96 or "UNETR" in name)), 224)


def main() -> None:
    """Print the table."""
    words = sys.argv[1:]
    operators = declare_torchvision_operators()  # torchvision may have been built for another PyTorch
    assert operators is not None
    missing = [lib for lib, (module, _, _) in _LIBRARIES.items() if importlib.util.find_spec(module) is None]
    wanted = [n for n in NETWORKS if not words or any(word in n for word in words)]
    rows: dict[str, Row] = {}
    heads = ("read", "sizes", "proof", "boxes", "known", "wrong")
    print(f"{'network':48}" + "".join(f"{head:>8}" for head in heads), flush=True)
    for library in _LIBRARIES.keys() - set(missing):
        importlib.import_module(_LIBRARIES[library][0])
    context = multiprocessing.get_context("fork")
    for name in wanted:
        if name.partition(":")[0] in missing:
            continue
        answers = context.SimpleQueue()
        process = context.Process(target=_worker, args=(name, _size(name), answers))
        process.start()
        row: Any = f"no answer in {_LIMIT} seconds"
        end = time.monotonic() + _LIMIT
        while process.is_alive() and answers.empty() and time.monotonic() < end:
            time.sleep(0.05)
        if not answers.empty():
            row = answers.get()
        process.kill()
        process.join()
        if isinstance(row, str):
            print(f"{name:48} {row}", flush=True)
            continue
        rows[name] = row
        seconds = "".join(f"{n:8.2f}" for n in (row.reading, row.sizes, row.proof))
        notes = f"  {'complete' if row.complete else 'in part'}, {'proven' if row.proved else 'not proven'}"
        print(
            f"{name:48}{seconds}{row.boxes:8}{row.known:8}{len(row.wrong):8}{notes} {row.wrong[:3] or ''}", flush=True
        )
        if words:
            print("    " + row.text[:1000].replace("\n", "\n    "))
    spent = {name: row.reading + row.sizes + row.proof for name, row in rows.items()}
    slow = [name for name, seconds in spent.items() if seconds > _SLOW]
    worst = max(spent, key=spent.__getitem__, default="none")
    print(f"{len(rows)} networks; {sum(r.complete for r in rows.values())} complete, "
          f"{sum(r.proved for r in rows.values())} proven; {sum(len(r.wrong) for r in rows.values())} wrong of "
          f"{sum(r.known for r in rows.values())} sizes; worst {worst} with {spent.get(worst, 0):.1f} s; "
          f"over {_SLOW:.0f} s: {', '.join(slow) or 'none'}")  # fmt: skip
    if missing:
        print(f"left out, as it is not installed: {', '.join(missing)}")


if __name__ == "__main__":
    main()
