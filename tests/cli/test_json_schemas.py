"""Everything that ``--json`` prints is what ``convsolve schema`` says, errors among it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from convsolve.cli import main
from convsolve.cli.json_schemas import DOCUMENTS, document_schema

ROOT = Path(__file__).parent.parent.parent
UNET, STEM = "problems/unet_300x300.yaml", "problems/imagenet_stem.yaml"

PRINTED = [
    ["check", UNET], ["check", "problems/seeds/mnist_same_5x5_pool.yaml"], ["check"], ["check", STEM], ["check", "gone.yaml"],
    ["check", UNET, "--timeout", "1e-9"], ["check", UNET, "--input", "3"], ["check", UNET, "--output-format", "json"],
    ["lint", "problems/aspp_on_small_map.yaml"], ["lint", UNET, "--only", "X"],
    ["explain", "mat1 and mat2 shapes cannot be multiplied (1x576 and 400x120)"], ["explain", "KeyError: 1"],
    ["explain", "x", "--model", UNET], ["rule"], ["rule", "CS028"], ["rule", "W001"], ["rule", "CS999"],
    ["diff", UNET, "problems/unet_any_size.yaml"], ["diff", UNET, UNET], ["diff", UNET, STEM],
    ["counterexample", UNET, "--sizes", "64..70"], ["counterexample", "problems/unet_any_size.yaml", "--sizes", "64..70"],
    ["counterexample", UNET, "--sizes", "big"], ["sizes", UNET, "--near", "300x300", "--no-proof"],
    ["sizes", STEM], ["sizes", "problems/lenet_fixed_head.yaml", "--no-proof"],
    ["repair", UNET, "-n", "3"], ["repair", "problems/seeds/mnist_same_5x5_pool.yaml"], ["repair", UNET, "--lock", "gone"],
    ["synth", STEM], ["synth", STEM, "-n", "2"], ["synth", "problems/overconstrained_tiny_model.yaml"],
    ["synth", STEM, "--timeout", "1e-9"], ["synth", STEM, "--pareto", "params,macs"], ["solve", STEM, "--set", "first.stride=x"],
    ["sample", STEM, "-n", "3"], ["sample", STEM, "-n", "3", "--spread", "macs"], ["enumerate", STEM, "-n", "3"],
    ["sample", "problems/overconstrained_tiny_model.yaml"], ["enumerate", "problems/overconstrained_tiny_model.yaml"],
    ["enumerate", STEM, "-o", "all.jsonl"], ["sample", STEM, "--emit", "torch"], ["check", UNET, "problems/unet_any_size.yaml"],
    ["count", STEM], ["count", "problems/least_macs.yaml"], ["compare", UNET, "gone.yaml"],
]  # fmt: skip


@pytest.mark.parametrize("words", PRINTED, ids=" ".join)
def test_what_is_printed_is_as_the_schema_says(words, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = [*words, *(["--json"] if "json" not in words else [])]
    if "--timeout" in words:  # whose end may come in the middle of an import, after which a process is good for nothing
        ran = subprocess.run([sys.executable, "-m", "convsolve", *words], capture_output=True, text=True)
        code, shown = ran.returncode, ran.stdout
    else:
        with pytest.raises(SystemExit) as end:
            main(words)
        code, shown = end.value.code, capsys.readouterr().out
    document = json.loads(shown)
    jsonschema.validate(document, document_schema(document["command"]))
    assert (document.get("status") == "error") is (code == 2), document
    assert document.get("exit_code", code) == code


def test_every_schema_is_one_and_every_command_with_json_has_one():
    import click

    from convsolve.cli import _COMMANDS, cli

    for name in DOCUMENTS:
        jsonschema.Draft202012Validator.check_schema(document_schema(name))
    commands = {name: cli.get_command(click.Context(cli), name) for name in _COMMANDS}
    assert {name for name, c in commands.items() if any("--json" in p.opts for p in c.params)} == set(DOCUMENTS)


def test_mistakes_of_a_file_have_their_places(tmp_path):
    (tmp_path / "bad.yaml").write_text("input: [1, 8]\nlayers: [konv, rellu]\n")
    command = [sys.executable, "-m", "convsolve", "check", "bad.yaml", "--json"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    document = json.loads(ran.stdout)
    assert (document["status"], document["exit_code"], ran.returncode) == ("error", 2, 2)
    assert [(m["file"], m["line"], m["column"]) for m in document["mistakes"]] == [
        ("bad.yaml", 2, 10),
        ("bad.yaml", 2, 16),
    ]
    assert ran.stderr.startswith("bad.yaml:2:10: ")
