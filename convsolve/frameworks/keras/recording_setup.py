"""How Keras is set while a program is recorded: tensors without contents, sizes as numbers, exceptions as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src import backend
from keras.src.backend.common import dtypes, global_state

from ..common.recording.symbolic_floats import SymbolicFloat
from ..common.recording.symbolic_sizes import Size
from ..torch.meta_execution import META

__all__ = ["replaced", "set_for_recording"]

_NAMES = "object_name_uids"
_DEVICE = "torch_device"
"""Where Keras counts the names that it gives, and keeps on which device it makes tensors."""


@contextmanager
def set_for_recording() -> Iterator[None]:
    """Set Keras for a recording, and put all back afterwards."""
    names = copy.copy(global_state.get_global_attribute(_NAMES))
    device = global_state.get_global_attribute(_DEVICE)
    filtering = keras.config.is_traceback_filtering_enabled()
    types = dict(dtypes.PYTHON_DTYPES_MAP)
    dtypes.PYTHON_DTYPES_MAP.update({Size: types[int], SymbolicFloat: types[float]})
    keras.config.disable_traceback_filtering()  # it replaces exceptions
    # not by its name, for which Keras takes it that nothing but shapes is asked for: what a condition is, is not known
    global_state.set_global_attribute(_DEVICE, META)
    try:
        with replaced(backend.random, "torch_seed_generator", lambda seed: None):
            yield
    finally:
        global_state.set_global_attribute(_NAMES, names)
        global_state.set_global_attribute(_DEVICE, device)
        dtypes.PYTHON_DTYPES_MAP.clear()
        dtypes.PYTHON_DTYPES_MAP.update(types)
        if filtering:
            keras.config.enable_traceback_filtering()


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let an attribute be another for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
