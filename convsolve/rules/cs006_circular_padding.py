"""CS006: the circular padding wraps around more than once."""

from .rule import Rule

__all__ = ["CIRCULAR_PADDING"]

CIRCULAR_PADDING = Rule(
    "CS006",
    "circular padding wraps at most once",
    "the circular padding wraps around more than once",
    meaning=(
        "Circular padding takes from the other end, and in PyTorch it goes around at most once: it can add at most "
        "the size."
    ),
    mend="Take less padding, another mode, or a larger input.",
    example="""\
input: [3, 8, 8]
layers:
  - pad: {padding: 9, mode: circular}
""",
    wrong="padding: 9",
    right="padding: 8",
)
