"""Where a problem comes from: a problem file, a framework's file, or something that Python makes.

Python is imported, and so run, only where the user names it: ``package.module:factory`` or ``file.py:Class``.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.machinery import PathFinder
from itertools import islice
from pathlib import Path
from types import CodeType, MappingProxyType
from typing import Any, TypeAlias

from .errors import ConvsolveError, FileError, Problematic, UnreadableError
from .files import load as load_file
from .files.document import FORMATS
from .frameworks.common.constructions import Constructions, watching_constructors
from .network import InputShapes, Network
from .problem import Problem, as_problem
from .support.arguments import checked
from .support.caller_errors import pass_on
from .support.suggestions import few, nearest, quoted
from .support.user_imports import add_folder, import_named

__all__ = [
    "FILE_ENDINGS",
    "Asked",
    "Named",
    "defined_in",
    "edited",
    "is_problem_file",
    "load",
    "named_by",
    "read_arguments",
]

FILE_ENDINGS = (".yaml", ".yml", ".json", ".toml", ".keras", ".h5", ".hdf5", ".onnx", ".pt2", ".pt", ".pth", ".py")
"""What ends so is a file's name, whatever stands before."""

_MOST_NEIGHBOURS = 10_000
"""So many files of a folder are looked at for one of nearly the same name."""

_LACKING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: (?P<names>.+)")
_LARGEST_SPECIFICATION = 10_000
_WANTED = 'keyword arguments must be a JSON object like {"num_classes": 10}'


Asked: TypeAlias = "Network | Problem | str | os.PathLike[str] | Any"
"""What questions are asked about: a network or problem, what :func:`load` takes, or a framework's own network."""


def problem_of(what: Asked, input_shape: InputShapes | None = None) -> Problem:
    """Return what a question is asked about as a problem.

    Args:
        what: a network, a problem, a source as :func:`load` takes it, a PyTorch module, a Keras model or an ONNX model.
        input_shape: the input's shape without the batch axis, without which a PyTorch module cannot be read.

    Raises:
        NetworkError: it is none of these.

    >>> problem_of("problems/unet_300x300.yaml")
    <Problem: <Network of 10 layers for torch: input 3x300x300>, 0 open, 0 required>
    """
    if isinstance(what, (Network, Problem)):
        return as_problem(what)
    if isinstance(what, (str, os.PathLike)):
        return load(os.fspath(what), input_shape=input_shape)
    if _is_a(what, "onnx", "ModelProto"):
        return Problem(_reader("onnx").from_onnx(what, input_shape=input_shape))
    if _is_a(what, "torch", "Module") or _is_a(what, "keras", "Layer"):
        return _problem(f"this {type(what).__name__}", what, input_shape, None)
    return as_problem(what)


@checked
def load(
    source: str | os.PathLike[str],
    *,
    input_shape: InputShapes | None = None,
    arguments: Mapping[str, Any] | None = None,
    assume: Mapping[str, str] | None = None,
    training: bool = False,
) -> Problem:
    """Return the problem that a source names.

    Args:
        source: a problem file (``.yaml``, ``.json``, ``.toml``, or ``-`` for standard input), a framework's file
            (``.keras``, ``.h5``, ``.onnx``, ``.pt2``), or ``package.module:factory`` or ``file.py:Class``,
            which is imported and called.
        input_shape: the input's shape without the batch axis, a list of shapes for several inputs, or a mapping from
            their names; a PyTorch module cannot be read without it.
        arguments: keyword arguments for the factory.
        assume: what is taken for granted of layers of Keras whose code is not run: ``{"lambda": "identity"}``.
        training: take the network as it is in training: a PyTorch module's own branches, with a batch of 2, and what
            only training requires.

    Raises:
        FileError: a problem file has mistakes.
        UnreadableError: there is no such thing, its own code failed, or it cannot be read as a network.

    >>> load("convsolve.operators:Conv")
    Traceback (most recent call last):
    ...
    convsolve.errors.UnreadableError: convsolve.operators:Conv: calling it raised TypeError: Conv.__init__() missing \
2 required keyword-only arguments: 'kernel_size' and 'out_channels': give them with --kwargs \
'{"kernel_size": "...", "out_channels": "..."}'
    """
    problem = _loaded(source, input_shape, dict(arguments or {}), assume, training)
    if not training or problem.network.training:
        return problem
    return dataclasses.replace(problem, network=dataclasses.replace(problem.network, training=True))


def _loaded(
    source: str | os.PathLike[str],
    input_shape: InputShapes | None,
    arguments: dict[str, Any],
    assume: Mapping[str, str] | None,
    training: bool,
) -> Problem:
    if not isinstance(source, (str, os.PathLike)):
        raise UnreadableError(
            f"load takes a file's name, or what Python makes, like package.module:factory; got {quoted(source)}"
        )
    name = str(source)
    named = named_by(name)
    if named.attribute:
        made, seen = _made(name, named, arguments)
        problem = _problem(name, made, input_shape, assume, training)
        if isinstance(made, Problem) or not seen.made:
            return problem
        network = dataclasses.replace(problem.network, constructions=seen.of(made))
        return dataclasses.replace(problem, network=network)
    if arguments:
        raise UnreadableError(f"{name}: keyword arguments are for Python sources like package.module:factory")
    reader = _file_reader(name, assume)
    if reader is None:
        _refuse_assumptions(name, assume)
        if name != "-" and not os.path.lexists(name):
            raise _missing(name)
        if name.endswith(".py"):
            raise UnreadableError(f"{name}: name the class, or the function, that makes the network{_defined(name)}")
        return load_file(Path(source))
    return Problem(reader(name, input_shape))


@dataclass(frozen=True)
class Named:
    """What a SOURCE names: standard input (``-``), a file, or an ``attribute`` of a Python file or module."""

    head: str
    attribute: str = ""

    @property
    def is_module(self) -> bool:
        """Whether it is a module of Python's, found by its name."""
        return bool(self.attribute) and not self.head.endswith(".py")

    @property
    def file(self) -> Path | None:
        """The file that it is, or is in; None for standard input, and for a module that is not found.

        Nothing is imported to find it.
        """
        if self.head == "-":
            return None
        if not self.is_module:
            return Path(self.head)
        places: Sequence[str] | None = [*sys.path, os.getcwd()]
        found = None
        first, *others = self.head.split(".")
        for name in [first, *others]:
            found = PathFinder.find_spec(name, places)
            if found is None:
                return None
            places = list(found.submodule_search_locations or ())
        return Path(found.origin) if found is not None and found.origin and found.has_location else None


def named_by(source: str) -> Named:
    """Return what a SOURCE names: the one place that decides whether Python is imported.

    What is there under this name is a file, and so is what is named like one. Only what is left, and says which
    attribute of which module or Python file is meant, is Python.

    >>> named_by("net.yaml"), named_by("nets.py:Net"), named_by("package.module:factory")
    (Named(head='net.yaml', attribute=''), Named(head='nets.py', attribute='Net'), \
Named(head='package.module', attribute='factory'))
    >>> named_by("evil:x.yaml"), named_by("C:net")
    (Named(head='evil:x.yaml', attribute=''), Named(head='C:net', attribute=''))
    """
    head, colon, attribute = source.rpartition(":")
    if source == "-" or os.path.lexists(source) or source.lower().endswith(FILE_ENDINGS):
        return Named(source)
    if not colon or not all(part.isidentifier() for part in attribute.split(".")):
        return Named(source)
    dotted = len(head) > 1 and all(part.isidentifier() for part in head.split("."))  # one letter is a drive of Windows
    return Named(head, attribute) if dotted or head.endswith(".py") else Named(source)


def _missing(name: str) -> ConvsolveError:
    """Return what to say of a source that there is not: the nearest file, or how a Python source is written."""
    head, dot, last = name.rpartition(".")
    dotted = all(part.isidentifier() for part in name.split("."))
    if dot and dotted and last != "py" and f".{last}" not in FORMATS:
        return UnreadableError(
            f"{name}: there is no such file; what Python makes is named like package.module:factory, "
            f"perhaps {head}:{last}"
        )
    path = Path(name)
    near = nearest(path.name, [entry.name for entry in _entries(path.parent) if entry.suffix == path.suffix], listed=0)
    return FileError(name, [Problematic(1, 1, f"cannot be read: there is no such file{near}")])


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(islice(folder.iterdir(), _MOST_NEIGHBOURS))
    except OSError:
        return []


def _defined(name: str) -> str:
    """Return which classes and functions a Python file defines, as sources."""
    found = defined_in(name)
    return f": {few((f'{name}:{one}' for one in found), 8)}" if found else f", like {name}:Net (it defines none)"


def defined_in(name: str) -> list[str]:
    """Return the classes that a Python file defines, or else its functions; it is read, not imported."""
    try:
        tree = ast.parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return classes or functions


def is_problem_file(source: str) -> bool:
    """Return whether a SOURCE is a problem file by its name.

    >>> is_problem_file("net.yaml"), is_problem_file("net.onnx"), is_problem_file("nets.py:Net")
    (True, False, False)
    """
    return not named_by(source).attribute and Path(source).suffix.lower() in FORMATS and _file_reader(source) is None


# -- files of frameworks


def _refuse_assumptions(name: str, assume: Mapping[str, str] | None) -> None:
    if assume:
        raise UnreadableError(f"{name}: assumptions are for the Lambda layers of Keras's networks")


def _file_reader(name: str, assume: Mapping[str, str] | None = None) -> Callable[[str, Any], Network] | None:
    """Return what reads a framework's file, or None for a problem file."""
    suffix = Path(name).suffix.lower()
    if suffix in (".keras", ".h5", ".hdf5") or (suffix == ".json" and _is_keras(name)):
        return lambda path, shape: _reader("keras").from_keras(path, input_shape=shape, assume=assume)
    _refuse_assumptions(name, assume)
    if suffix == ".onnx":
        return lambda path, shape: _reader("onnx").from_onnx(path, input_shape=shape)
    if suffix in (".pt2", ".pt", ".pth"):
        return lambda path, shape: _read_exported(path, shape)
    return None


def _is_keras(name: str) -> bool:
    """Return whether a JSON file holds a Keras configuration, by its first key names."""
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            head = file.read(4096)
    except OSError:
        return False
    if '"modelTopology"' in head or '"layers-model"' in head or '"graph-model"' in head:  # TensorFlow.js
        return True
    return '"class_name"' in head and '"layers"' not in head.partition('"class_name"')[0]


def _read_exported(path: str, shape: Any) -> Network:
    if not path.lower().endswith(".pt2"):
        raise UnreadableError(
            f"{path}: a file of weights holds no network; name the class that makes it, like package.module:factory"
        )
    return _reader("torch").from_exported(path, shape)  # type: ignore[no-any-return]


def _reader(framework: str) -> Any:
    """Return the reader of a framework, or raise UnreadableError where the framework is not installed."""
    try:
        package = importlib.import_module(f".frameworks.{framework}", __package__)
        getattr(package, f"from_{framework}")  # where the framework itself is imported, if it is needed
        return package
    except ModuleNotFoundError as error:
        raise UnreadableError(
            f"reading {framework} networks needs the package {error.name!r}: pip install 'convsolve[{framework}]'"
        ) from None


# -- things that Python makes


def _made(name: str, named: Named, arguments: dict[str, Any]) -> tuple[Any, Constructions]:
    """Import what a source names, and call it; return what it made, and where layers were made."""
    attribute = named.attribute
    try:
        found = _imported(name, named)
        for part in attribute.split("."):
            if not hasattr(found, part):
                names = [n for n in dir(found) if not n.startswith("_")]
                raise UnreadableError(f"{named.head} has no {part!r}{nearest(part, names, listed=0)}")
            found = getattr(found, part)
        if _is_finished(found):
            if arguments:
                raise UnreadableError(f"{name} is no factory: it takes no keyword arguments")
            return found, Constructions()
        if not callable(found):
            raise UnreadableError(f"{name} is of type {type(found).__name__}: wanted a class, or a function")
        with watching_constructors() as seen:
            return _called(lambda: found(**arguments)), seen
    except ConvsolveError:
        raise
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:  # the user's own code: whatever it raises is shown
        if not isinstance(error, SystemExit):
            pass_on(error)
        raise UnreadableError(f"{name}: {_theirs(error, attribute)}") from error


def _called(factory: Callable[[], Any]) -> Any:
    """Call what makes a network; with Keras, past the layers that fail."""

    def make() -> Any:
        if "torchvision" not in sys.modules:
            return factory()
        with _reader("torch").without_published_weights():
            return factory()

    if "keras" not in sys.modules:
        try:
            return make()
        except (ValueError, TypeError, RuntimeError):
            if "keras" not in sys.modules:  # which it may have imported itself
                raise
    return _reader("keras").build(make)


def _imported(name: str, named: Named) -> Any:
    """Import a module, if need be without the compiled operators of torchvision, which no shape depends on.

    They may have been built for another PyTorch than the one installed; then torchvision cannot be imported.
    """
    load = _module if named.is_module else _file
    try:
        return load(name, named.head)
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    _reader("torch").declare_torchvision_operators()
    return load(name, named.head)


def _module(name: str, head: str) -> Any:
    """Import a module by its name: one of this folder, or else one that is installed."""
    try:
        return import_named(head, os.getcwd())
    except ModuleNotFoundError as error:
        if error.name and (head + ".").startswith(error.name + "."):
            raise UnreadableError(
                f"{name}: there is no module {error.name!r}; a file is named like path/to/file.py:Class"
            ) from None
        raise


def _file(name: str, head: str) -> Any:
    """Import a module from its file."""
    path = Path(head).resolve()
    if not path.is_file():
        raise _missing(head)
    add_folder(str(path.parent))
    own = path.stem if _is_free(path) else f"__{path.stem}__"
    text = _EDITED.get().get(path)
    loader = None if text is None else _EditedLoader(own, str(path), text)
    specification = importlib.util.spec_from_file_location(own, path, loader=loader)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    before = sys.modules.get(own)
    sys.modules[own] = module  # dataclasses, and the module's own pickles, look for it
    try:
        specification.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[own]
        else:
            sys.modules[own] = before
        raise
    return module


_EDITED: ContextVar[Mapping[Path, str]] = ContextVar("_EDITED", default=MappingProxyType({}))


class _EditedLoader(importlib.machinery.SourceFileLoader):
    """Loads a module as if its file had another text."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)


class _EditedFinder:
    """Finds the modules that are to have other texts."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self.texts = texts

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        found = PathFinder.find_spec(name, path)
        text = self.texts.get(Path(found.origin).resolve()) if found is not None and found.origin else None
        if found is None or text is None:
            return None
        found.loader = _EditedLoader(name, str(found.origin), text)
        return found


@contextmanager
def edited(texts: Mapping[Path, str]) -> Iterator[None]:
    """Let Python files be loaded as if they had other texts; they stay as they are, and so does what was imported."""
    found = {path.resolve(): text for path, text in texts.items()}
    folders = {str(path.parent) + os.sep for path in found}
    before = dict(sys.modules)
    finder = _EditedFinder(found)
    token = _EDITED.set(found)
    sys.meta_path.insert(0, finder)
    try:
        for name in [name for name, module in before.items() if _lies_in(module, folders)]:
            del sys.modules[name]
        yield
    finally:
        sys.meta_path.remove(finder)
        _EDITED.reset(token)
        for name in [name for name, module in sys.modules.items() if _lies_in(module, folders)]:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if _lies_in(module, folders)})


def _lies_in(module: Any, folders: set[str]) -> bool:
    """Return whether a module is a program's own, in one of some folders, not one that is installed there."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or module.__name__ == "__main__" or "site-packages" in file:
        return False
    return any(os.path.realpath(file).startswith(folder) for folder in folders) and not _is_ours(module)


def _is_ours(module: Any) -> bool:
    return str(module.__name__).partition(".")[0] == __name__.partition(".")[0]


def _is_free(path: Path) -> bool:
    """Return whether a file can be the module of its own name, and stands in the place of no other."""
    loaded = sys.modules.get(path.stem)
    if loaded is not None:
        return getattr(loaded, "__file__", None) == str(path)
    if not path.stem.isidentifier() or path.stem in sys.stdlib_module_names:
        return False
    found = PathFinder.find_spec(path.stem)
    return found is None or found.origin in (None, str(path))


def _theirs(error: BaseException, attribute: str) -> str:
    """Return what the user's own code raised, and where."""
    ours = (__file__, str(Path(__file__).parent / "frameworks"))  # what calls the user's code
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours) and "importlib"
              not in f.filename]  # fmt: skip
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    lines = str(error).strip().split("\n")
    if isinstance(error, SyntaxError):
        where, lines = f" at {error.filename}:{error.lineno}", [error.msg]
    if isinstance(error, ModuleNotFoundError) and error.name in ("tensorflow", "jax"):
        lines = [f"{lines[0]}: with the environment variable KERAS_BACKEND=torch, Keras does without"]
    if isinstance(error, TypeError) and (match := _LACKING.search(lines[0])):
        wanted = json.dumps(dict.fromkeys(re.findall(r"'(\w+)'", match["names"]), "..."))
        lines = [f"{lines[0]}: give them with --kwargs '{wanted}'"]
    doing = "importing it" if frames and any(f.name == "<module>" for f in frames[:1]) else "calling it"
    return f"{doing} raised {type(error).__name__}{where}{f': {lines[0]}' if lines[0] else ''}"


def _is_finished(found: Any) -> bool:
    return isinstance(found, (Network, Problem)) or _is_a(found, "torch", "Module") or _is_a(found, "keras", "Layer")


def _is_a(found: Any, framework: str, name: str) -> bool:
    """Return whether an object is of a framework's class, without importing the framework."""
    return any(c.__name__ == name and c.__module__.partition(".")[0] == framework for c in type(found).__mro__)


def _problem(
    name: str, made: Any, input_shape: Any, assume: Mapping[str, str] | None, training: bool = False
) -> Problem:
    """Return what a factory made as a problem."""
    if not _is_a(made, "keras", "Layer"):
        _refuse_assumptions(name, assume)
    if isinstance(made, Problem):
        return made
    if isinstance(made, Network):
        return Problem(made if input_shape is None else made.with_shapes(input_shape))
    if _is_a(made, "convsolve", "FollowedModel"):
        return Problem(made.network(input_shape, assume))
    if _is_a(made, "keras", "Layer"):
        return Problem(_reader("keras").from_keras(made, input_shape=input_shape, assume=assume))
    if _is_a(made, "torch", "Module"):
        if input_shape is None:
            raise UnreadableError(
                f"{name} is a PyTorch module, which does not say what input it takes: give its shape without the "
                f"batch axis, like --input 3x224x224 (from Python: input_shape=(3, 224, 224))"
            )
        batch_size = 2 if training else 1
        return Problem(_reader("torch").from_torch(made, input_shape, training=training, batch_size=batch_size))
    kinds = "a PyTorch module, a Keras model, or a convsolve Network or Problem"
    raise UnreadableError(f"{name} made an object of type {type(made).__name__}: wanted {kinds}")


def read_arguments(text: str) -> dict[str, Any]:
    """Return keyword arguments that are written as a JSON object.

    >>> read_arguments('{"num_classes": 10}')
    {'num_classes': 10}
    """
    if len(text) > _LARGEST_SPECIFICATION:
        raise UnreadableError(f"keyword arguments are longer than {_LARGEST_SPECIFICATION} characters")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UnreadableError(f"{_WANTED}: {error}") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"{_WANTED}, got {text}")
    return found
