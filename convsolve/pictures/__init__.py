"""Pictures of networks: drawn from the trace, as SVG, as a page with sliders, as text for other tools.

A figure says what is drawn (``figure``, ``folding``); it gets places (``layout``), and is written (``graph``,
``ladder``, ``diagrams``, ``page``).
"""

from .picture import FORMATS, Chart, Picture, draw

__all__ = ["FORMATS", "Chart", "Picture", "draw"]
