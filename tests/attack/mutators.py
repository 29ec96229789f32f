"""Damaged files of every format, each made from a number: what a stranger, a bad disk or a bad exporter may hand over."""

from __future__ import annotations

import copy
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import h5py
import onnx
import yaml

from tests.frameworks.onnx.graphs import graph_of
from tests.frameworks.onnx.test_graphs import GRAPHS
from tests.messages.examples import EXAMPLES
from tests.test_foreign_text import HALVES, PAYLOADS

__all__ = ["KINDS", "mutant"]

ROOT = Path(__file__).parents[2]
SEEDS = Path(__file__).parent / "seeds"

NUMBERS = (
    -1,
    0,
    1,
    2,
    3,
    7,
    255,
    1000,
    4096,
    65_537,
    -(2**31),
    2**31,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    2**70,
    10**30,
    10**99,
    10**400,
)
"""Of which some are at the ends of words, and some longer than any word."""

VALUES = (None, True, False, 0.5, 1e308, -0.0, "", "x", [], {}, [1, 2], [None], [[]], {"x": 1}, [1] * 70, "same", "valid", "any",
          float("inf"), float("nan"))  # fmt: skip

DOMAINS = (
    "1..2",
    "1..64",
    "1..1099511627776",
    "0..1000",
    "1..100000 step 3",
    "64..1",
    "1|2|3",
    "..5",
    "5..",
    "$k",
    "$$",
    "9" * 5000,
    "1..9" + "9" * 400,
    " | ".join(f"{3 * i}..{3 * i + 1}" for i in range(400)),
    "conv1.height",
    "conv1.height // 2",
    "x.y.z[3]",
    "-(-(-1))",
    "(" * 300,
    "macs < 5 and (params > 3 or 1 == 1)",
    "9" * 30 + " * params == 3",
    "input.height % 7 == 3",
    "output.height * output.width * params * macs == 3",
    "0x" + "f" * 4000,
)


# -- trees: what YAML, JSON, TOML and the configs of frameworks hold


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every place of a tree: a list or mapping, and the key in it."""
    found, stack = [], [tree]
    while stack:
        here = stack.pop()
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            found.append((here, key))
            if isinstance(here[key], (dict, list)):
                stack.append(here[key])
    return found


def leaf(random: Random) -> Any:
    """Return what stands where something else should stand."""
    kind = random.randrange(5)
    if kind == 0:
        return copy.deepcopy(random.choice(VALUES))
    if kind == 1:
        return random.choice((*PAYLOADS, *HALVES))
    return random.choice(NUMBERS if kind < 4 else DOMAINS)


def changed(tree: Any, random: Random) -> Any:
    """Return a tree with one to four changes: any, or numbers and words that another place of the tree may hold, too."""
    tree = copy.deepcopy(tree)
    mild = random.random() < 0.4
    for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
        spots = places(tree)
        if not spots:
            return leaf(random)
        here, key = random.choice(spots)
        kind = random.randrange(12)
        if mild:
            alike = [there[other] for there, other in spots if type(there[other]) is type(here[key])]
            here[key] = (
                random.choice(NUMBERS[:8])
                if type(here[key]) is int and kind < 6
                else copy.deepcopy(random.choice(alike))
            )
        elif kind < 5:
            here[key] = leaf(random)
        elif kind == 5:
            del here[key]
        elif kind == 6:  # what stands elsewhere
            there, other = random.choice(spots)
            if other in there if isinstance(there, dict) else other < len(there):
                here[key] = copy.deepcopy(there[other])
        elif kind == 7 and isinstance(here, dict):  # another name
            name = random.choice((*PAYLOADS, *DOMAINS, "name", "input", "x" * 5000, "", *map(str, here)))
            here[name] = here.pop(key)
        elif kind == 8 and isinstance(here, list):  # again and again
            more = random.choice((1, 2, 50, 3000))
            here[key:key] = [copy.deepcopy(here[key]) if more < 100 else here[key] for _ in range(more)]
        elif kind == 9:  # deeper
            value = here[key]
            for _ in range(random.choice((1, 2, 30, 200))):
                value = (
                    [value]
                    if random.random() < 0.5
                    else {random.choice(("x", "config", "layers", "repeat", "choose")): value}
                )
            here[key] = value
        elif kind == 10 and isinstance(here, list):
            random.shuffle(here)
        elif isinstance(here[key], int) and not isinstance(here[key], bool):
            here[key] = random.choice(
                (here[key] + 1, here[key] - 1, -here[key], here[key] * 1000, here[key] << random.randrange(70))
            )
        else:
            here[key] = leaf(random)
    return tree


def damaged(content: bytes, random: Random) -> bytes:
    """Return bytes with some changed, gone, or there twice."""
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 40))):
        at = random.randrange(len(found) + 1)
        to = min(len(found), at + random.choice((1, 2, 8, 100, 4000)))
        kind = random.randrange(7)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << random.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = random.choice((0, 1, 8, 0x0A, 0x22, 0x5B, 0x7B, 0x7F, 0x80, 0xED, 0xFF))
        elif kind == 2:
            del found[at:to]
        elif kind == 3:
            found[at:at] = found[at:to] * random.choice((1, 1, 20))
        elif kind == 4 and at < len(found):
            del found[at:]
        elif kind == 5:
            found[at:at] = random.choice((*PAYLOADS, *DOMAINS)).encode("utf-8", "surrogatepass")
        else:
            digits = [i for i in range(len(found)) if 0x30 <= found[i] <= 0x39]
            if digits:
                at = random.choice(digits)
                found[at:at] = str(random.choice(NUMBERS)).encode() * random.choice((1, 1, 60))
    return bytes(found)


# -- problem files


@cache
def problems() -> tuple[Any, ...]:
    """Return the examples of the project, as trees."""
    return tuple(yaml.safe_load(path.read_text()) for path in sorted((ROOT / "problems").rglob("*.yaml")))


def as_yaml(random: Random) -> bytes:
    tree = changed(random.choice(problems()), random) if random.random() < 0.8 else random.choice(problems())
    try:
        text = yaml.safe_dump(
            tree, sort_keys=False, allow_unicode=True, default_flow_style=random.choice((None, True, False))
        )
    except (yaml.YAMLError, RecursionError, ValueError):
        text = json.dumps(tree)
    content = text.encode("utf-8", "surrogatepass")
    return damaged(content, random) if random.random() < 0.3 else content


def as_json(random: Random) -> bytes:
    content = json.dumps(changed(random.choice(problems()), random), ensure_ascii=random.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )
    return damaged(content, random) if random.random() < 0.3 else content


def as_toml(random: Random) -> bytes:
    tree = changed(random.choice(problems()), random)
    entries = tree.items() if isinstance(tree, dict) else [("input", tree)]
    dotted = ".".join(["a"] * random.choice((3, 50, 20_000)))
    try:
        lines = [f"{json.dumps(str(key))} = {toml(value)}" for key, value in entries]
    except RecursionError:  # a tree that is deeper than this process may be
        lines = [f"x = {'[' * 3000}{']' * 3000}"]
    if random.random() < 0.1:
        lines.append(
            random.choice(
                (f"{dotted} = 1", f"[{dotted}]", f"[[{dotted}]]\n" * 30, "".join(f"[[x.y{i}]]\n" for i in range(2000)))
            )
        )
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return damaged(content, random) if random.random() < 0.3 else content


NAMES = (
    *(
        "x" * 5000,
        "$k",
        "input",
        "output",
        "params",
        "macs",
        "max",
        "and",
        "true",
        "null",
        "1e3",
        "0x1f",
        "-",
        "*",
        "a.b",
        "a b",
    ),
    *(
        "a\u0301",
        "\u00e1",
        "ﬁlter",
        "filter",
        "K",
        "\u212a",
        "\u200b",
        "__class__",
        "{0.__class__}",
        "%s%n",
        "'; exit 1; '",
        "conv1",
    ),
)
"""Names that mean something elsewhere, look like another, or are none."""


def names(random: Random) -> bytes:
    """Return a problem in which some words stand for others, everywhere: layers, holes, keys of the format."""
    tree = random.choice(problems())
    words = sorted({word for text in texts(tree) for word in re.findall(r"[A-Za-z_]\w*", text)})
    turned = {}
    for _ in range(random.choice((1, 1, 2, 5))):
        turned[random.choice(words)] = random.choice((*NAMES, *PAYLOADS, *HALVES, random.choice(words)))
    tree = renamed(tree, turned)
    try:
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        text = json.dumps(tree)
    return text.encode("utf-8", "surrogatepass")


def texts(tree: Any) -> Iterator[str]:
    """Yield every key and every text of a tree."""
    for here, key in places(tree):
        if isinstance(key, str):
            yield key
        if isinstance(here[key], str):
            yield here[key]


def renamed(tree: Any, turned: Mapping[str, str]) -> Any:
    """Return a tree in whose texts and keys words are replaced by others."""
    if isinstance(tree, dict):
        return {renamed(key, turned): renamed(value, turned) for key, value in tree.items()}
    if isinstance(tree, list):
        return [renamed(value, turned) for value in tree]
    if isinstance(tree, str):
        return re.sub(r"[A-Za-z_]\w*", lambda word: turned.get(word[0], word[0]), tree)
    return tree


def toml(value: Any) -> str:
    """Return a tree as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value < 0 or value % 3 else f"0x{value:x}"
    return json.dumps(value).replace("null", '""').replace("Infinity", "inf").replace("NaN", "nan")


# -- Keras


@cache
def written(ending: str) -> tuple[Any, ...]:
    """Return the configs of networks that stand in ``seeds``."""
    return tuple(json.loads(path.read_text()) for path in sorted(SEEDS.glob(f"*{ending}")))


def config(random: Random, ending: str = ".keras.json") -> bytes:
    content = json.dumps(changed(random.choice(written(ending)), random)).encode()
    return damaged(content, random) if random.random() < 0.15 else content


def tensorflow_js(random: Random) -> bytes:
    return config(random, ".tfjs.json")


def archive(name: str, content: bytes, random: Random) -> bytes:
    """Return an archive with a member, packed in some way, and perhaps damaged."""
    buffer = io.BytesIO()
    packed = random.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(buffer, "w", packed if random.random() < 0.3 else zipfile.ZIP_STORED) as file:
        file.writestr(name, content)
        file.writestr("model.weights.h5" if name == "config.json" else "data/weights/0", bytes(100))
    return damaged(buffer.getvalue(), random) if random.random() < 0.3 else buffer.getvalue()


def keras(random: Random) -> bytes:
    return archive("config.json", config(random), random)


def hdf5(random: Random) -> bytes:
    buffer = io.BytesIO()
    content = config(random)
    with h5py.File(buffer, "w", userblock_size=random.choice((0, 0, 512))) as file:
        where = random.choice((file.attrs, file.attrs, file.create_group("model_weights").attrs))
        kind = random.randrange(8)
        try:
            where["model_config"] = (
                content.decode("utf-8", "surrogateescape")
                if kind < 4
                else content
                if kind < 6
                else [content[:100], content[100:200]]
                if kind == 6
                else random.choice((3, 2.5, b"\xff\xfe", ""))
            )
        except (ValueError, OSError):
            where["model_config"] = content[:1000].replace(b"\0", b"")
        for i in range(random.choice((0, 3, 100))):
            file.attrs[f"a{i}"] = i
    return damaged(buffer.getvalue(), random) if random.random() < 0.5 else buffer.getvalue()


# -- exported programs


def pt2(random: Random) -> bytes:
    description = changed(random.choice(written(".pt2.json")), random)
    content = json.dumps(description).encode()
    if random.random() < 0.1:
        content = damaged(content, random)
    return archive("net/models/model.json", content, random)


# -- ONNX


@cache
def graphs() -> tuple[bytes, ...]:
    found = [graph_of(nodes, inputs, weights, opset=opset) for nodes, weights, inputs, opset in GRAPHS.values()]
    return tuple(proto.SerializeToString() for proto in found)


def onnx_file(random: Random) -> bytes:
    content = random.choice(graphs())
    if random.random() < 0.4:
        return damaged(content, random)
    proto = onnx.ModelProto.FromString(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        message, field = random.choice(fields(proto))
        change(message, field, random)
    try:
        return proto.SerializeToString()
    except Exception:  # what protobuf itself refuses to write
        return damaged(content, random)


def fields(message: Any) -> list[tuple[Any, Any]]:
    """Return every field of a message and of those in it, with the message that it is of."""
    found, stack = [], [message]
    while stack:
        here = stack.pop()
        for field in here.DESCRIPTOR.fields:
            value = getattr(here, field.name)
            found.append((here, field))
            if field.message_type and not hasattr(value, "keys"):
                if hasattr(value, "add"):
                    stack += value
                elif here.HasField(field.name):
                    stack.append(value)
    return found


def change(message: Any, field: Any, random: Random) -> None:
    """Change a field of a message."""
    value = getattr(message, field.name)
    number, text = (
        random.choice(NUMBERS),
        random.choice((*PAYLOADS, *DOMAINS, *(n for n in ("x", "y", "w", "c", "Loop", "If", "Shape", "Conv")))),
    )
    try:
        if hasattr(value, "append"):
            if len(value) and random.random() < 0.4:
                del value[random.randrange(len(value))]
            elif field.message_type:
                new = value.add()
                if len(value) > 1:
                    new.CopyFrom(random.choice(value[:-1]))
                if field.message_type.full_name == "onnx.ModelProto":
                    new.Clear()
            elif field.cpp_type == field.CPPTYPE_STRING:
                value.append(text if field.type == field.TYPE_STRING else text.encode("utf-8", "surrogatepass"))
            elif len(value) and random.random() < 0.7:
                value[random.randrange(len(value))] = number
            else:
                value.extend([number] * random.choice((1, 2, 70, 100_000)))
        elif field.message_type:
            if message.HasField(field.name) and random.random() < 0.5:
                message.ClearField(field.name)
            elif field.message_type.full_name == "onnx.GraphProto" and random.random() < 0.5:
                value.CopyFrom(onnx.ModelProto.FromString(random.choice(graphs())).graph)
            else:
                value.SetInParent()
        elif field.cpp_type == field.CPPTYPE_STRING:
            setattr(
                message, field.name, text if field.type == field.TYPE_STRING else text.encode("utf-8", "surrogatepass")
            )
        elif field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
            setattr(message, field.name, random.choice((0.0, -1.0, 1e30, float("inf"), float("nan"))))
        else:
            setattr(message, field.name, number)
    except (ValueError, TypeError, OverflowError):  # a value that does not go into the field
        return


# -- messages and logs


def message(random: Random) -> bytes:
    text = random.choice(EXAMPLES)[1]
    if random.random() < 0.2:
        text = "\n".join([text] * random.choice((2, 30, 5000)))
    content = text.encode()
    if random.random() < 0.1:
        content = (
            random.choice((b"\n", b" ", b"[", b"1", b'File "x.py", line 1, in f\n', b"a, "))
            * random.choice((1000, 300_000))
            + content
        )
    return damaged(content, random)


KINDS: Mapping[str, Callable[[Random], bytes]] = {
    "net.yaml": as_yaml, "net.json": as_json, "net.toml": as_toml, "net.onnx": onnx_file, "net.keras": keras, "keras.json": config,
    "net.h5": hdf5, "net.pt2": pt2, "model.json": tensorflow_js, "error.log": message, "names.yaml": names,
}  # fmt: skip
"""What makes a damaged file, by the name that such a file has."""


def mutant(number: int, kind: str = "") -> tuple[str, bytes]:
    """Return the name and the content of the file of a case, of any kind or of one; the same number gives the same file.

    >>> name, content = mutant(3)
    >>> (name, content) == mutant(3), name in KINDS
    (True, True)
    """
    random = Random(number)
    name = random.choice(list(KINDS))
    name = kind or name
    return name, KINDS[name](random)
