"""Arguments as exported programs write them: of known kinds, bounded, and held against what an operator takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ...errors import UnreadableError
from ..common.recording.symbolic_values import unfollowed
from .meta_execution import META, shape_of

__all__ = ["argument", "arguments_of", "bound", "empty", "hints", "one_of", "tensor_names"]

_LARGEST = 2**40
_NO_END = (2**63 - 1, -(2**63))
"""What stands for the end of an axis, wherever that is."""

_LONGEST = 1_000
_MOST_AXES = 16
_LARGEST_TENSOR = 2**48
_WORDS = {
    "none", "tanh", "floor", "trunc", "valid", "same", "constant", "reflect", "replicate", "circular", "ij", "xy",
    "sum", "mean", "prod", "amax", "amin", "forward", "backward", "ortho", "fro", "nuc",
}  # fmt: skip
_EQUATION = re.compile(r"[a-zA-Z,. ]{1,100}(->[a-zA-Z. ]{0,50})?")
_TYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32,
    8: torch.float64, 10: torch.complex64, 11: torch.complex128, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
_ORDERS = {
    1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d, 4: torch.preserve_format,
}  # fmt: skip

Values = Mapping[str, Any]
"""The tensors and numbers that a program has made so far, by name."""


def one_of(union: Any) -> tuple[str, Any]:
    """Return the kind of a value that is written as one of several, and the value."""
    if not isinstance(union, dict) or len(union) != 1:
        raise UnreadableError("a value is not written as one of a kind")
    (pair,) = union.items()
    return pair


def _whole(given: Any) -> int:
    if type(given) is not int or (abs(given) > _LARGEST and given not in _NO_END):
        raise UnreadableError(f"{ascii(given)[:40]} stands where a whole number of some size was wanted")
    return given


def _truth(given: Any) -> bool:
    if type(given) is not bool:
        raise UnreadableError(f"{ascii(given)[:40]} stands where true or false was wanted")
    return given


def _real(given: Any) -> float:
    if type(given) in (int, float) or given in ("Infinity", "-Infinity", "NaN"):
        return float(given)
    raise UnreadableError(f"{ascii(given)[:40]} stands where a number was wanted")


def _word(given: Any) -> str:
    if not isinstance(given, str) or (given not in _WORDS and not _EQUATION.fullmatch(given)):
        raise UnreadableError(f"the text {ascii(given)[:40]} stands where the name of a mode was wanted")
    return given


def _named(given: Any, values: Values) -> Any:
    """Return what a program has made under a name, or the number that stands in place of a name."""
    kind, value = one_of(given)
    if kind in _PLAIN:
        return _PLAIN[kind](value)
    if kind not in ("name", "as_name") or not isinstance(value, str) or value not in values:
        raise UnreadableError(f"it cannot be followed: {ascii(value)[:40]} is used before anything is called so")
    return values[value]


def _from(table: Mapping[int, Any], what: str) -> Callable[[Any], Any]:
    def look_up(given: Any) -> Any:
        if type(given) is not int or given not in table:
            raise UnreadableError(f"{ascii(given)[:40]} is no {what} of tensors")
        return table[given]

    return look_up


_type = _from(_TYPES, "type")
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda given: None, "as_int": _whole, "as_bool": _truth, "as_float": _real, "as_string": _word,
    "as_scalar_type": _type, "as_memory_format": _from(_ORDERS, "order"),
    "as_layout": _from({0: None, 7: torch.strided}, "layout"), "as_device": lambda given: META,
}  # fmt: skip
"""Values that stand as they are; every device is the one on which tensors have no contents."""

_REFERRED = {"as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float"}
_LISTS = {
    "as_ints": "as_int", "as_bools": "as_bool", "as_floats": "as_float", "as_tensors": "as_tensor",
    "as_sym_ints": "as_sym_int", "as_sym_bools": "as_sym_bool", "as_sym_floats": "as_sym_float",
}  # fmt: skip


def argument(given: Any, values: Values) -> Any:
    """Return an argument of a call.

    Raises:
        UnreadableError: it is of no kind that a file may use, or beyond some bound.
    """
    kind, value = one_of(given)
    if kind in _PLAIN:
        return _PLAIN[kind](value)
    if kind in _REFERRED:
        return _named({"name": value.get("name")} if kind == "as_tensor" and isinstance(value, dict) else value, values)
    if kind == "as_optional_tensor":
        return argument(value, values) if one_of(value)[0] in ("as_tensor", "as_none") else None
    if kind in _LISTS or kind == "as_optional_tensors":
        if not isinstance(value, list) or len(value) > _LONGEST:
            raise UnreadableError(f"a list of more than {_LONGEST} arguments, or none, stands where one was wanted")
        return [argument({_LISTS[kind]: one} if kind in _LISTS else one, values) for one in value]
    raise UnreadableError(f"the program has an argument of the kind {ascii(kind)[:40]}, which is not read")


def arguments_of(node: Mapping[str, Any], values: Values) -> list[tuple[str, Any, bool]]:
    """Return the arguments of a call: the name, the value, and whether it is given by name."""
    inputs = node["inputs"]
    if not isinstance(inputs, list) or len(inputs) > _LONGEST:
        raise UnreadableError("a call has no list of arguments")
    return [(str(entry["name"]), argument(entry["arg"], values), entry.get("kind", 1) == 2) for entry in inputs]


def tensor_names(node: Mapping[str, Any]) -> list[str]:
    """Return the names of the tensors that a call takes."""
    stack, found = [entry["arg"] for entry in reversed(node["inputs"])], []
    while stack:
        kind, value = one_of(stack.pop())
        if kind == "as_tensor":
            found.append(value["name"])
        elif kind == "as_tensors":
            found += [one["name"] for one in value]
        elif kind == "as_optional_tensors":
            stack += reversed(value)
    return found


# -- what operators take

_KINDS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda x: isinstance(x, (torch.Tensor, int, float)),  # numbers become tensors
    "int": lambda x: isinstance(x, int) and not isinstance(x, bool),
    "float": lambda x: isinstance(x, (int, float)) and not isinstance(x, bool),
    "number": lambda x: isinstance(x, (int, float)),
    "bool": lambda x: isinstance(x, bool),
    "str": lambda x: isinstance(x, str),
    "ScalarType": lambda x: isinstance(x, torch.dtype),
    "Layout": lambda x: isinstance(x, torch.layout),
    "Device": lambda x: isinstance(x, torch.device),
    "MemoryFormat": lambda x: isinstance(x, torch.memory_format),
}  # fmt: skip
"""What an argument of a type may be, by the type's name in operators' schemas; of others, nothing may be given."""


def _fits(value: Any, kind: str) -> bool:
    if kind.startswith("Optional["):
        return value is None or _fits(value, kind[9:-1])
    if kind.startswith("List["):
        inner = kind[5:-1]
        if not isinstance(value, list):
            return inner == "int" and _fits(value, inner)
        return all(_fits(one, inner) for one in value)
    return kind in _KINDS and _KINDS[kind](value)


def bound(overload: Any, given: Sequence[tuple[str, Any, bool]]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of an operator in order, and by name, if they are what it takes.

    What it makes anew is without contents.

    Raises:
        UnreadableError: there is an argument that it does not take, or of another type.
    """
    taken = {a.name: a for a in overload._schema.arguments}
    positions = list(taken.values())
    args: list[Any] = []
    named: dict[str, Any] = {}
    for name, value, by_name in given:
        parameter = taken.get(name) if by_name else positions[len(args)] if len(args) < len(positions) else None
        if parameter is None or not _fits(value, str(parameter.real_type)):
            raise UnreadableError(f"`{overload}` does not take {ascii(value)[:60]} as its {ascii(name)[:40]}")
        if by_name:
            named[name] = value
        else:
            args.append(value)
    if "device" in taken and not any(isinstance(value, torch.Tensor) for _, value, _ in given):
        named["device"] = META
    named.pop("pin_memory", None)
    _must_be_short(overload, dict(zip(taken, args, strict=False)) | named)
    return args, named


def _must_be_short(overload: Any, given: Mapping[str, Any]) -> None:
    """Refuse a call that makes one tensor after the other, or takes one step after the other, without end."""
    name = overload._overloadpacket.__name__
    if name in _STEPS and overload._overloadname != "sizes":
        sizes = shape_of(given["self"] if "self" in given else given["input"])
        given = {name: unfollowed(value) for name, value in given.items()}
        dim = given.get("dim", 0)
        steps = _STEPS[name](given, sizes, sizes[dim] if -len(sizes) <= dim < len(sizes) else 0)
        if steps > _MOST_STEPS:
            raise UnreadableError(f"`{overload}` takes {steps} steps: more than {_MOST_STEPS} are not followed")


def _recurrence(given: Mapping[str, Any], sizes: Sequence[int], axis: int) -> int:
    return max(sizes[:2], default=0) * max(1, int(given["num_layers"]))


_MOST_STEPS = 4096
_STEPS: dict[str, Callable[[Mapping[str, Any], Sequence[int], int], int]] = {
    "unbind": lambda given, sizes, axis: axis,
    "split": lambda given, sizes, axis: axis // max(1, given["split_size"]) if axis else 0,
    "chunk": lambda given, sizes, axis: min(axis, given["chunks"]),
    "tensor_split": lambda given, sizes, axis: given.get("sections", 0),
    "gru": _recurrence, "lstm": _recurrence, "rnn_tanh": _recurrence, "rnn_relu": _recurrence,
}  # fmt: skip
"""How many steps an operator takes, by its arguments, all sizes of its input, and that of the axis that it works on."""


# -- tensors


def hints(sizes: Any) -> tuple[int, ...]:
    """Return the sizes that a tensor was exported with."""
    if not isinstance(sizes, list) or len(sizes) > _MOST_AXES:
        raise UnreadableError("a tensor has no list of sizes")
    found = []
    for size in sizes:
        kind, value = one_of(size)
        number = _whole(value if kind == "as_int" else value["hint"]["as_int"])
        if not 0 <= number <= _LARGEST:
            raise UnreadableError(f"{number} is no size")
        found.append(number)
    return tuple(found)


def empty(described: Mapping[str, Any], shape: Sequence[int] | None = None) -> torch.Tensor:
    """Return a tensor without contents, of the type and the sizes that are described, or of another shape."""
    sizes = hints(described["sizes"]) if shape is None else tuple(shape)
    total = 1
    for size in sizes:
        total *= size
    if total > _LARGEST_TENSOR:
        raise UnreadableError(f"a tensor of {total} numbers is larger than any")
    return torch.empty(sizes, dtype=_type(described["dtype"]), device=META)
