"""Causes: what diagnosis finds, and what all of its recognisers need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..network import tensor_layer
from ..repairs.evaluated_network import Situation

__all__ = ["CAUSES", "Cause", "chain_to", "shown_path", "shown_sizes"]

CAUSES = {
    "api_positional_stride": "a number was taken for the stride that was meant as the second side of the kernel",
    "channel_count": "another number of channels arrives than the layer declares",
    "decoder_mismatch": "the decoder does not give back the size that is wanted",
    "input_too_small": "the input is too small for what the network takes away",
    "kernel_gt_input": "the kernel is larger than the network's input",
    "layout": "the axes of the input are read in the other order, channels first or last",
    "missing_axis": "the input lacks the axis of its channels, or of its steps",
    "missing_flatten": "several axes, or the batch, arrive where one row of features is wanted",
    "one_value_training": "normalisation in training needs more than one value for each channel",
    "reflect_pad": "reflected or circular padding needs a larger input",
    "requirement": "a requirement of a layer, or of the problem, that its numbers break",
    "reshape_mismatch": "a reshape wants another number of elements",
    "residual_mismatch": "a shortcut does not follow what its branch does to the size",
    "return_sequences": "a recurrent layer gives its last step alone, where all are wanted",
    "silent_non_positive": "the output is empty, and some versions of the framework do not say so",
    "skip_mismatch": "two ways to a join round differently",
    "swapped_args": "the data and the weights of a functional convolution are swapped",
    "target_mismatch": "the output does not have the shape that is wanted",
    "too_deep": "there are too many layers that take away from the size",
    "transposed_ambiguity": "a stride loses a remainder that the transposed convolution cannot know",
    "unbatched_input": "the input lacks its batch axis",
    "wrong_axes": "a layer gets a tensor with a number of axes that it cannot work on",
    "wrong_flatten_size": "the declared number of features is not what the flatten gives",
    "wrong_input_for_head": "a fixed head was made for another size of input",
}
"""The kinds of causes, and what they mean."""


@dataclass(frozen=True)
class Cause:
    """Why something failed.

    ``kind`` is one of :data:`CAUSES`; ``layer`` causes the failure and ``reported_by`` is where it shows (empty: the
    network's output). ``chain`` are the spatial sizes on the way there, as they change. ``certain`` says that the
    network alone proves it; otherwise the evidence says what would.
    """

    kind: str
    layer: str
    reported_by: str
    message: str
    evidence: tuple[str, ...] = ()
    certain: bool = True
    chain: tuple[tuple[int, ...], ...] = ()

    @property
    def path(self) -> str:
        """The chain of sizes as text: ``150 -> 50 -> 25``."""
        return shown_path(self.chain)

    def __repr__(self) -> str:
        return f"<Cause: {self.kind}{f' in {self.layer}' if self.layer else ''}>"

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


_LONGEST = 8
"""So many sizes of a path are shown, the first and the last ones."""


def shown_path(chain: Sequence[tuple[int, ...]]) -> str:
    """Return a chain of sizes as text, of a long one its beginning and its end.

    >>> shown_path([(64,), (32,), (16,)])
    '64 -> 32 -> 16'
    >>> shown_path([(n,) for n in range(20, 0, -1)])
    '20 -> 19 -> 18 -> ... -> 4 -> 3 -> 2 -> 1'
    """
    said = [shown_sizes(sizes) for sizes in chain]
    if len(said) > _LONGEST:
        said = [*said[:3], "...", *said[-4:]]
    return " -> ".join(said)


def shown_sizes(sizes: Iterable[int]) -> str:
    """Return sizes as text: one number where all axes agree.

    >>> shown_sizes((8, 8)), shown_sizes((8, 6))
    ('8', '8x6')
    """
    found = tuple(sizes)
    return str(found[0]) if len(set(found)) == 1 else "x".join(map(str, found))


def chain_to(now: Situation, layer: str) -> tuple[tuple[int, ...], ...]:
    """Return the spatial sizes on the way from the input to what arrives at a layer, as they change."""
    chain: list[tuple[int, ...]] = []
    found = now.network.by_name[layer]
    while found.inputs:
        tensor = found.inputs[0]
        sizes = now.shape(tensor)[1:]
        if sizes and (not chain or chain[-1] != sizes):
            chain.append(sizes)
        found = now.network.by_name[tensor_layer(tensor)]
    return tuple(reversed(chain))
