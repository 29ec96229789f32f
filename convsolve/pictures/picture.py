"""Pictures as users have them: what is drawn, in every format, on paper and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ConvsolveError, NetworkError
from ..network import InputShapes, Network
from ..sizes.valid_sizes import ValidSizes
from ..support.arguments import checked
from ..support.atomic_write import write_file
from ..synthesis.pareto import Front
from .charts import front_svg, map_svg
from .diagrams import dot, mermaid
from .figure import Figure, figure_of
from .folding import folded
from .graph import graph_svg
from .ladder import ladder_of, ladder_svg
from .page import page
from .subject import Subject, subject_of, with_size

__all__ = ["FORMATS", "Chart", "Picture", "draw"]

FORMATS = ("svg", "html", "dot", "mmd", "png")
"""What a picture can be written as."""


class Drawn:
    """What pictures have in common: they are shown by notebooks, and saved by the ending of a file's name."""

    def svg(self) -> str:
        """Return the picture as SVG."""
        raise NotImplementedError

    @checked
    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as PNG (with the extra ``png``).

        Raises:
            ConvsolveError: the package that turns SVG into pixels is not installed.
        """
        return _pixels(self.svg(), scale)

    @checked
    def save(self, path: str | Path) -> None:
        """Write the picture to a file, in the format that its name ends with.

        Raises:
            NetworkError: the ending is none of those known, or what is drawn has no such format.
        """
        ending = Path(path).suffix.removeprefix(".").lower()
        write_file(path, self.written(ending))

    @checked
    def written(self, format: str) -> str | bytes:
        """Return the picture in one of the formats."""
        makers: Mapping[str, Callable[[], str | bytes]] = {
            name: getattr(self, method) for name, method in (
                ("svg", "svg"), ("png", "png"), ("html", "html"), ("dot", "dot"), ("mmd", "mermaid"))
            if hasattr(self, method)}  # fmt: skip
        if format not in makers:
            raise NetworkError(f"{format!r} is no format for this picture: it can be {', '.join(makers)}")
        return makers[format]()

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto">{self.svg()}</div>'


@dataclass(frozen=True)
class Chart(Drawn):
    """A chart: a Pareto front, or a map of sizes."""

    content: str

    def svg(self) -> str:
        """Return the chart as SVG."""
        return self.content


@dataclass(frozen=True)
class Picture(Drawn):
    """A network's picture, in every format; notebooks show it.

    ``subject`` is what is drawn, ``beside`` what it is compared with on the page.
    """

    subject: Subject
    beside: Subject | None = None
    unfold: bool = False

    @cached_property
    def figure(self) -> Figure:
        """What is drawn, before it has places."""
        subject = self.subject
        whole = figure_of(subject.network, subject.report, before=subject.before, title=subject.title)
        return whole if self.unfold else folded(whole)

    def svg(self) -> str:
        """Return the graph as SVG."""
        return graph_svg(self.figure)

    def ladder(self) -> str:
        """Return the shape ladder as SVG.

        Raises:
            NetworkError: parameters are open.
        """
        report = self.subject.checked
        whole = figure_of(self.subject.network, report, before=self.subject.before, title=self.subject.title)
        return ladder_svg(ladder_of(whole, report))

    def html(self, *, timeout: float = 10.0) -> str:
        """Return the page: one file with the graph, the ladder, the table, the sizes, and sliders for the input.

        Where the input's size is open, it begins with the smallest that is valid; where parameters are, each is a
        control, and the page begins with the best network that is found in ``timeout`` seconds.
        """
        first = with_size(self.subject)
        return page([first] if self.beside is None else [first, self.beside], timeout=timeout)

    def dot(self) -> str:
        """Return the graph for Graphviz."""
        return dot(self.figure)

    def mermaid(self) -> str:
        """Return the graph for Mermaid."""
        return mermaid(self.figure)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self._repr_svg_(), "text/html": self._repr_html_(),
                "text/vnd.mermaid": self.mermaid(), "text/plain": repr(self)}  # fmt: skip

    def __repr__(self) -> str:
        return f"Picture of {self.subject.title or 'a network'}: {len(self.figure.boxes)} boxes"


@checked
def draw(
    what: Any, input_shape: InputShapes | None = None, *, beside: Any = None, unfold: bool = False, title: str = ""
) -> Picture | Chart:
    """Draw a network: ``.svg()``, ``.html()``, ``.ladder()``, ``.dot()``, ``.mermaid()``, ``.png()``, ``.save(path)``.

    Args:
        what: a network, a problem (whose open parameters are shown as such), a report of :func:`convsolve.check`, a
            solution or a repair; or a Pareto front, or valid sizes, which become charts.
        input_shape: the input's shape in place of the one that is stated, as written.
        beside: what the page shows beside it, such as a repair of it: what differs is bold there.
        unfold: whether to draw every copy of a block that repeats.
        title: stands above; by default the problem's description.

    Raises:
        NetworkError: it is nothing that can be drawn.

    >>> import convsolve as cs
    >>> net = cs.parse("{input: [1, 28, 28], layers: [{conv: {out_channels: 8, kernel_size: 3}}, relu]}")
    >>> print(cs.draw(net).mermaid(), end="")
    flowchart TD
      n0["input<br/>→ 1x28x28"]
      n1["conv conv1<br/>out_channels=8 kernel_size=3<br/>then relu<br/>→ 8x26x26"]
      n0 -->|"1x28x28"| n1
    """
    if isinstance(what, Front):
        return Chart(front_svg(what))
    if isinstance(what, ValidSizes):
        return Chart(map_svg(what))
    subject = subject_of(what, input_shape, title=title)
    other = None
    if beside is not None:
        before: Network = subject.network
        said = str(beside) if type(beside).__name__ == "Repair" else ""
        other = subject_of(beside, before=before, title=said or "beside")
    return Picture(subject, other, unfold)


def _pixels(svg: str, scale: float) -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise ConvsolveError("PNG needs the extra png: pip install 'convsolve[png]'") from None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale))
