"""What the layers of a Keras program are called: by the layers that they are in, and by how often they are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..common.recording.recorded_graph import RecordedGraph
from .known_layers import layers_in

__all__ = ["LayerNames"]


class LayerNames:
    """Names layers ``outer/inner``, and their later calls ``name:2``, ``name:3``.

    ``paths`` has the name of each layer, ``owners`` the layer that it is in; ``running`` are the layers whose programs
    run, with the names of these calls.
    """

    def __init__(self, model: Any, graph: RecordedGraph) -> None:
        self.graph = graph
        self.paths: dict[int, str] = {id(model): ""}
        self.owners: dict[int, int] = {}
        self.running: list[tuple[str, int]] = []
        self.calls: dict[str, int] = {}
        self.alive: list[Any] = []
        self.learn(model)

    def learn(self, layer: Any) -> None:
        """Name the layers inside of a layer that have no name yet: each by the path to it."""
        path = self.paths[id(layer)]
        for inner in layers_in(layer):
            if id(inner) not in self.paths:
                self.paths[id(inner)] = f"{path}/{inner.name}" if path else str(inner.name)
                self.owners[id(inner)] = id(layer)
                self.learn(inner)

    def path(self, layer: Any) -> str:
        """Return the path of a layer; one that is new, as made in ``build``, belongs to where it is called."""
        if id(layer) not in self.paths:
            place = self.running[-1][0] if self.running else ""
            self.paths[id(layer)] = f"{place}/{layer.name}" if place else str(layer.name)
            self.alive.append(layer)  # so that nothing else gets its identity
            self.learn(layer)
        return self.paths[id(layer)]

    def called(self, layer: Any) -> str:
        """Return what a call of a layer is named; the layers in a layer are named by that one's call."""
        path = self.path(layer) or str(layer.name)
        place, owner = self.running[-1] if self.running else ("", 0)
        if place and owner == self.owners.get(id(layer)):
            path = f"{place}/{layer.name}"
        number = self.calls[path] = self.calls.get(path, 0) + 1
        self.graph.later_undo(lambda: self.calls.__setitem__(path, number - 1))
        return path if number == 1 else f"{path}:{number}"

    @contextmanager
    def inside(self, layer: Any) -> Iterator[str]:
        """Go into a call of a layer, and give it its name."""
        name = self.called(layer) if self.paths.get(id(layer)) != "" else ""
        self.running.append((name, id(layer)))
        try:
            yield name
        finally:
            self.running.pop()
