"""What ``--help`` shows of each command at its end: two examples, which the tests run as they stand."""

from __future__ import annotations

__all__ = ["EXAMPLES"]

EXAMPLES = {
    "check": ("check problems/unet_300x300.yaml", "check nets.py:Net --input 3x224x224"),
    "lint": ("lint problems/aspp_on_small_map.yaml", "lint nets.py:Net --input 3x224x224 --only W002,W004"),
    "repair": ("repair problems/unet_300x300.yaml -n 3", "repair nets.py:Net --input 3x224x224 --diff"),
    "synth": ("synth problems/imagenet_stem.yaml", "synth problems/imagenet_stem.yaml --pareto params,macs"),
    "design": (
        "design --input 3x480x640 --output 15x20 --layers 5 --params 500K",
        "design --mirror problems/seeds/strided_volume_20.yaml --emit torch",
    ),
    "sizes": ("sizes problems/segmenter_sizes.yaml --near 300x300", "sizes nets.py:Net --input 3x224x224 --dims"),
    "counterexample": (
        "counterexample problems/unet_any_size.yaml --sizes 64..512",
        "counterexample nets.py:Net --input 3x64x64 --claim 'output.height == input.height // 4'",
    ),
    "explain": (
        'explain "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x576 and 400x120)"',
        "explain --model nets.py:Net --input 3x224x224 - < error.txt",
    ),
    "run": ("run train.py --epochs 1", "run -m package.train --epochs 1"),
    "rule": ("rule CS001", "rule W002 --json"),
    "diff": (
        "diff problems/unet_300x300.yaml problems/unet_any_size.yaml",
        "diff old.py:Net nets.py:Net --input 3x64x64",
    ),
    "count": ("count problems/unet_search.yaml", "count problems/imagenet_stem.yaml --require 'params <= 2000'"),
    "sample": ("sample problems/unet_search.yaml -n 5 --seed 1", "sample problems/unet_search.yaml --emit torch"),
    "enumerate": ("enumerate problems/imagenet_stem.yaml -n 3", "enumerate problems/imagenet_stem.yaml -o all.jsonl"),
    "draw": ("draw problems/unet_300x300.yaml -o net.svg", "draw nets.py:Net --input 3x224x224 -o net.html"),
    "serve": ("serve problems/unet_300x300.yaml", "serve nets.py:Net --input 3x224x224 --port 8000"),
    "export": (
        "export problems/imagenet_stem.yaml --to torch -o net.py",
        "export problems/imagenet_stem.yaml --to onnx -o net.onnx",
    ),
    "lsp": ("lsp", "lsp --tcp 2087"),
    "schema": ("schema > problem.schema.json", "schema check"),
    "guide": ("guide tutorial", "guide --html ."),
    "example": ("example", "example unet_300x300"),
}
"""The words behind ``convsolve``, as they are typed."""
