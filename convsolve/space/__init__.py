"""The search space of a problem: every valid architecture, counted, drawn, completed and evaluated.

:class:`~convsolve.space.space.Space` is built on the solver's layered graph, in which every solution is one path.
"""

from .assignments import Bin, Samples
from .counting import Count
from .evaluation import Evaluation
from .neighbourhood import Neighbour
from .pools import LocalPool
from .space import Space

__all__ = ["Bin", "Count", "Evaluation", "LocalPool", "Neighbour", "Samples", "Space"]
