"""The language server, end to end: a client of pygls speaks with `convsolve lsp`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

pytest.importorskip("pygls")
from lsprotocol import types
from pygls.lsp.client import LanguageClient

import convsolve as cs
from convsolve.editor.problem_text import ProblemText

PROBLEM = """input: [1, 5, 5]
layers:
  # größer 🙂
  - conv: {name: c, out_channels: 4, kernel_size: 7}
  - relu
"""
NETS = """import torch
from torch import nn

print("loud")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU())
        self.head = nn.Linear(100, 10)

    def forward(self, x):
        x = self.stem(x)
        x = self.body(x)
        return self.head(x.flatten(1))
"""
PROJECT = '[tool.convsolve.networks.net]\nsource = "nets.py:Net"\ninput = "3x16x16"\n'


def spoken(folder: Path, name: str, talk):
    """Open a document with a server of its own, wait for what is wrong with it, and talk with it."""

    async def conversation():
        client = LanguageClient("test", "1")
        published: asyncio.Queue = asyncio.Queue()

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def told(params):
            published.put_nowait(params.diagnostics)

        @client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
        def refreshed(*given):
            return None

        await client.start_io(sys.executable, "-m", "convsolve", "lsp")
        try:
            await client.initialize_async(
                types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=folder.as_uri())
            )
            client.initialized(types.InitializedParams())
            document = folder / name
            uri = document.as_uri()
            language = "python" if name.endswith(".py") else "yaml"
            item = types.TextDocumentItem(uri, language, 1, document.read_text())
            client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            first = await asyncio.wait_for(published.get(), 20)
            found = await asyncio.wait_for(talk(client, uri, first, published), 20)
            await client.shutdown_async(None)
            client.exit(None)
            return found
        finally:
            if client._server.returncode is None:
                client._server.kill()
            await client.stop()

    return asyncio.run(conversation())


def everywhere(uri, lines):
    return {"text_document": types.TextDocumentIdentifier(uri),
            "range": types.Range(types.Position(0, 0), types.Position(lines, 0))}  # fmt: skip


def at(uri, line, character):
    return {"text_document": types.TextDocumentIdentifier(uri), "position": types.Position(line, character)}


def applied(text, action):
    (edit,) = next(iter(action.edit.changes.values()))
    lines = text.split("\n")
    start, end = edit.range.start, edit.range.end
    head, tail = lines[start.line][: start.character], lines[end.line][end.character :]
    return "\n".join([*lines[: start.line], head + edit.new_text + tail, *lines[end.line + 1 :]])


def test_a_problem_file_as_it_is_written(tmp_path):
    (tmp_path / "net.yaml").write_text(PROBLEM)

    async def talk(client, uri, first, published):
        error = first[0]
        assert (error.code, error.range.start.line, error.severity) == ("CS001", 3, types.DiagnosticSeverity.Error)
        hover = await client.text_document_hover_async(types.HoverParams(**at(uri, 3, 8)))
        assert hover.contents.startswith("c: conv, output 4x-1x-1, 5 - 7 + 1 = -1")
        hints = await client.text_document_inlay_hint_async(types.InlayHintParams(**everywhere(uri, 5)))
        assert [(h.position.line, h.label) for h in hints] == [(0, "→ 1x5x5"), (3, "→ 4x-1x-1"), (4, "→ 4x?x?")]
        context = types.CodeActionContext(diagnostics=first)
        actions = await client.text_document_code_action_async(
            types.CodeActionParams(**everywhere(uri, 5), context=context)
        )
        assert actions
        for action in actions:
            assert cs.check(cs.parse(applied(PROBLEM, action))).ok and "größer 🙂" in applied(PROBLEM, action)

        def change(version, text):
            identifier = types.VersionedTextDocumentIdentifier(version, uri)
            whole = types.TextDocumentContentChangeWholeDocument(text)
            client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [whole]))

        change(2, applied(PROBLEM, actions[0]))
        assert not await published.get()
        change(3, PROBLEM + "  - ma\nlay\n  - conv: {ker\n")
        await published.get()
        for line, end, word in ((5, 6, "max_pool"), (6, 3, "layers"), (7, 14, "kernel_size")):
            items = await client.text_document_completion_async(types.CompletionParams(**at(uri, line, end)))
            assert word in [item.label for item in items]
        change(4, PROBLEM.replace("relu", "rellu"))
        (mistake,) = await published.get()
        assert mistake.range.start == types.Position(4, 4) and "did you mean 'relu'" in mistake.message
        change(5, "just: text\n")
        assert not await published.get()
        return True

    assert spoken(tmp_path, "net.yaml", talk)


def test_a_python_file_that_the_project_names(tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "pyproject.toml").write_text(PROJECT)

    async def talk(client, uri, first, published):
        (error,) = first
        assert (error.code, error.range.start.line) == ("CS011", 16)
        hints = await client.text_document_inlay_hint_async(types.InlayHintParams(**everywhere(uri, 17)))
        assert [(h.position.line, h.label) for h in hints] == [
            (9, "→ 8x16x16"),
            (11, "→ 10"),
            (14, "→ 8x16x16"),
            (15, "→ 8x14x14"),
            (16, "→ 1568 → 10"),
        ]
        context = types.CodeActionContext(diagnostics=first)
        actions = await client.text_document_code_action_async(
            types.CodeActionParams(**everywhere(uri, 17), context=context)
        )
        action = next(action for action in actions if "in_features 100 -> 1568" in action.title)
        mended = applied(NETS, action)
        assert mended == NETS.replace("Linear(100", "Linear(1568")
        Path(tmp_path / "nets.py").write_text(mended)
        client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        assert not await published.get()
        return True

    assert spoken(tmp_path, "nets.py", talk)


def test_a_python_file_that_no_project_names_is_not_run(tmp_path):
    (tmp_path / "nets.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{NETS}")
    (tmp_path / "other.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(PROJECT.replace("nets.py", "other.py"))

    async def talk(client, uri, first, published):
        return first

    assert not spoken(tmp_path, "nets.py", talk)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", [
    "", "layers:", "layers: [", "layers: 3\n", "{layers: [relu]}", "input: [1, 8, 8]\nlayers: [{conv: {out_channels: 4, kernel_size: 3 | 5}}]",
    "layers:\n  - conv: {", "\x00", "layers: &a [*a]\ninput: [1]", "input: [1, 8]\nlayers:\n  - linear: {in_features: 9, out_features: 2}\n",
])  # fmt: skip
def test_whatever_is_written_something_is_said(text):
    document = ProblemText(text, "net.yaml")
    assert all(finding.line >= 0 and finding.message for finding in document.findings)
    for line in range(-1, 5):
        document.hover(line)
    for fix in document.fixes():
        lines = text.split("\n")
        lines[fix.line : fix.line + fix.count] = [fix.text]
        assert cs.check(cs.parse("\n".join(lines))).ok


def test_without_pygls_it_is_said_what_is_missing(monkeypatch, capsys):
    from convsolve.cli import main

    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    monkeypatch.delitem(sys.modules, "convsolve.editor.server", raising=False)
    with pytest.raises(SystemExit) as end:
        main(["lsp"])
    assert end.value.code == 2 and "extra lsp" in capsys.readouterr().err
