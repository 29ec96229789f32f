"""Real architectures, built without weights, and what PyTorch itself says of them."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convsolve.frameworks.torch import declare_torchvision_operators

BATCH = 2

TORCHVISION = (
    "alexnet",
    "vgg16_bn",
    "resnet18",
    "resnet50",
    "squeezenet1_0",
    "squeezenet1_1",
    "densenet121",
    "inception_v3",
    "googlenet",
    "shufflenet_v2_x1_0",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "convnext_tiny",
    "regnet_y_400mf",
)
SEGMENTATION = ("fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large")
TIMM = (
    "tf_efficientnet_b0",
    "resnet50d",
    "resnest14d",
    "hrnet_w18_small",
    "dla34",
    "convnext_atto",
    "mixnet_s",
    "ghostnet_100",
    "repvgg_a0",
    "cspdarknet53",
    "vovnet39a",
    "poolformer_s12",
    "res2net50_26w_4s",
    "skresnet18",
    "legacy_xception",
    "pvt_v2_b0",
)
SMP = ("Unet", "UnetPlusPlus", "FPN", "PSPNet", "DeepLabV3Plus", "Linknet", "MAnet", "PAN")
FIXED = ("torchvision:vit_b_16", "timm:vit_tiny_patch16_224", "timm:swin_tiny_patch4_window7_224",
         "timm:efficientformer_l1", "timm:levit_128s", "timm:mixer_s32_224")  # fmt: skip
"""Networks for one size only."""

CONVOLUTIONAL = (
    *(f"torchvision:{name}" for name in TORCHVISION),
    *(f"segmentation:{name}" for name in SEGMENTATION),
    *(f"timm:{name}" for name in TIMM),
    *(f"smp:{name}" for name in SMP),
)


@functools.cache
def build(name: str) -> nn.Module:
    """Return an architecture, on the meta device and ready for evaluation."""
    kept = declare_torchvision_operators()  # torchvision may have been built for another PyTorch
    assert kept is not None
    kind, _, wished = name.partition(":")
    device = "cpu" if "regnet" in name else "meta"  # regnets compute their widths with tensors
    with warnings.catch_warnings(), torch.device(device):
        warnings.simplefilter("ignore")
        made: Any
        if kind == "timm":
            import timm

            made = timm.create_model(wished)
        elif kind == "smp":
            import segmentation_models_pytorch as smp

            made = getattr(smp, wished)("resnet18", encoder_weights=None)
        else:
            import torchvision

            if kind == "segmentation":
                made = getattr(torchvision.models.segmentation, wished)(weights=None, weights_backbone=None)
            else:
                options = {"init_weights": False} if wished in ("googlenet", "inception_v3") else {}
                made = getattr(torchvision.models, wished)(**options)
    return made.to("meta").eval()


def executed(module: nn.Module, shape: tuple[int, ...]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Run a module on the meta device; return the shape that each leaf first gives, without the batch axis, and
    the multiply-accumulate operations of one sample."""
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = []

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.shape[0] == BATCH:
                shapes.setdefault(name, tuple(output.shape[1:]))

        return hook

    for name, one in module.named_modules():
        leaf = type(one).__module__.startswith("torch.nn") and not any(True for _ in one.children())
        if leaf and not isinstance(one, nn.Identity):
            hooks.append(one.register_forward_hook(keep(name)))
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            module(torch.empty(BATCH, *shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    assert counter.get_total_flops() % (2 * BATCH) == 0
    return shapes, counter.get_total_flops() // (2 * BATCH)
