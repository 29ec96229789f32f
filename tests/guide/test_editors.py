"""The extension for VS Code that the guide shows: its manifest is one, and its program starts the server."""

import json
from pathlib import Path
from textwrap import dedent

from py_mini_racer import MiniRacer

import convsolve.guide

PAGE = (Path(convsolve.guide.__file__).parent / "editors.md").read_text(encoding="utf-8")


def shown(name: str) -> str:
    """Return the file that a page shows behind its name."""
    lines = PAGE.partition(f"`{name}`:\n\n")[2].splitlines()
    return dedent("\n".join(lines[: next(i for i, line in enumerate(lines) if line and not line.startswith("    "))]))


def test_the_manifest_names_the_program_and_what_it_needs():
    manifest = json.loads(shown("package.json"))
    assert {"name", "publisher", "version", "engines"} <= manifest.keys() and manifest["main"] == "./extension.js"
    assert manifest["activationEvents"] == ["onLanguage:yaml", "onLanguage:python"]
    assert "vscode-languageclient" in manifest["dependencies"]


def test_the_program_starts_the_server():
    engine = MiniRacer()
    engine.eval("""
        var exports = {}, made = [];
        class LanguageClient {
            constructor(...given) { made.push(given); }
            start() { return "started"; }
            stop() { return "stopped"; }
        }
        var require = name => (name === "vscode-languageclient/node" ? { LanguageClient } : null);
    """)
    engine.eval(f"(() => {{{shown('extension.js')}}})()")
    assert json.loads(engine.eval("JSON.stringify([exports.activate(), exports.deactivate(), made[0].slice(2)])")) == [
        "started", "stopped",
        [{"command": "convsolve", "args": ["lsp"]},
         {"documentSelector": [{"language": "yaml"}, {"language": "python"}]}]]  # fmt: skip
