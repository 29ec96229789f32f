"""The search space of a problem: every valid architecture, counted, drawn, completed and evaluated.

:class:`~convsolve.space.space.Space` is built on the solver's layered graph, in which every solution is one path.
"""

from .evaluation import Evaluation
from .near import Neighbour
from .samples import Samples
from .space import Count, Space

__all__ = ["Count", "Evaluation", "Neighbour", "Samples", "Space"]
