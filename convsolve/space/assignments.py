"""Assignments: values for the holes of a network, with or without those of layers that it does not have."""

from __future__ import annotations

from collections.abc import Mapping

from ..dims import Cond, evaluate, variables
from ..errors import NetworkError
from ..network import Network
from ..words import nearest

__all__ = ["Assignments"]


class Assignments:
    """Reads assignments to the holes of a network; ``present`` says when the network has each of them."""

    def __init__(self, network: Network, present: Mapping[str, Cond]) -> None:
        self.present = present
        self.domains = {name: hole.domain for name, hole in network.holes.items() if hole.domain is not None}
        self.values = {name: domain.values() for name, domain in self.domains.items()}
        self.ranks = {name: {v: i for i, v in enumerate(values)} for name, values in self.values.items()}

    def known(self, name: str) -> str:
        """Return the name of a hole.

        Raises:
            NetworkError: there is no such hole.
        """
        if name not in self.values:
            raise NetworkError(f"the space has no hole {name!r}{nearest(name, list(self.values), listed=8)}")
        return name

    def filled(self, assignment: Mapping[str, int]) -> dict[str, int]:
        """Return a value for each hole: the preferred one where it has none, or where the network has no such hole.

        Raises:
            NetworkError: there is no such hole.
        """
        for name in assignment:
            self.known(name)
        values = {name: assignment.get(name, options[0]) for name, options in self.values.items()}
        for _ in self.values:  # a hole that is absent may decide whether others are
            shown = self.shown(values)
            settled = {name: values[name] if name in shown else options[0] for name, options in self.values.items()}
            if settled == values:
                break
            values = settled
        return values

    def shown(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return an assignment without the holes that the network does not have."""
        return {n: values[n] for n in self.values if evaluate(self.present[n], values)}

    def given(self, partial: Mapping[str, int]) -> dict[str, int]:
        """Return the decided values that matter: not those of layers that the others leave out.

        Raises:
            NetworkError: there is no such hole, or a value is outside of its domain.
        """
        for name, value in partial.items():
            if value not in self.domains[self.known(name)]:
                raise NetworkError(f"{name}={value} is outside its domain {self.domains[name]}")
        found = {}
        for name, value in partial.items():
            when = self.present[name]
            undecided = when is True or not all(v.name in partial for v in variables(when))
            if undecided or evaluate(when, partial):
                found[name] = value
        return found
