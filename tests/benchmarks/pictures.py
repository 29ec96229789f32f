"""What pictures cost: ``python -m tests.benchmarks.pictures`` (torchview, where it is installed, beside it).

Prints the time to draw networks that have been read, the size of their pages, and, where there is a browser, how long
a step of a slider takes there, layout included.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import convsolve as cs

from ..pictures.browser import CHROMIUM, DRIVER, MISSING, browser, opened

NETWORKS = {"resnet50": 224, "resnet152": 224, "inception_v3": 299, "densenet121": 224, "vit_b_16": 224}

_STEP = """
const slider = document.querySelector("input[type=range]"), start = performance.now();
for (let n = 100; n < 120; n++) {
  slider.value = n;
  slider.dispatchEvent(new Event("input"));
  document.body.getBoundingClientRect();
}
return (performance.now() - start) / 20;
"""


def best(run: Callable[[], Any], times: int = 3) -> float:
    """Return the least time of a few, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def torchview_seconds(name: str, size: int) -> float | None:
    """Return how long torchview takes for the same network, on the meta device."""
    try:
        from torchview import draw_graph
    except ImportError:
        return None
    import torchvision

    model = getattr(torchvision.models, name)(weights=None).eval()
    return best(lambda: draw_graph(model, input_size=(1, 3, size, size), device="meta", depth=9), 1)


def main() -> None:
    """Print the table."""
    print(f"{'network':14} {'layers':>6} {'boxes':>5} {'svg s':>7} {'page s':>7} {'page kB':>8} {'torchview':>10}")
    pages = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in NETWORKS.items():
            problem = cs.load(f"torchvision.models:{name}", input_shape=(3, size, size))
            picture = cs.draw(problem, title=name)
            seconds = best(lambda problem=problem: cs.draw(problem).svg())
            paged = best(lambda problem=problem: cs.draw(problem).html())
            pages[name] = Path(folder) / f"{name}.html"
            picture.save(pages[name])
            peer = torchview_seconds(name, size)
            ratio = "-" if peer is None else f"{peer / seconds:.1f} x svg"
            print(f"{name:14} {len(problem.network.layers):6} {len(picture.figure.boxes):5} {seconds:7.2f} {paged:7.2f} "
                  f"{pages[name].stat().st_size / 1000:8.0f} {ratio:>10}")  # fmt: skip
        if not (CHROMIUM and DRIVER):
            print(MISSING)
            return
        with browser() as driver:
            for name, path in pages.items():
                opened(driver, path)
                print(f"{name:14} {driver.execute_script(_STEP):6.1f} ms for a step of a slider, in Chromium")


if __name__ == "__main__":
    main()
