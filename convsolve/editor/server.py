"""The language server: what editors ask, answered from the texts of problem files and Python files."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from .problem_text import Diagnostic, ProblemText, QuickFix, completions
from .python_text import shown_of

__all__ = ["make_server", "serve"]

_LEVELS = {
    "error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
}  # fmt: skip


def serve(port: int | None = None) -> None:
    """Speak with an editor until it hangs up: on standard input and output, or on a port of this machine."""
    server = make_server()
    if port is None:
        server.start_io()
    else:
        server.start_tcp("127.0.0.1", port)


class _Documents:
    """What is known of the documents that are open: of problem files their text, of Python files what was found."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.problems: dict[str, ProblemText] = {}
        self.programs: dict[str, dict[str, Any]] = {}

    def text(self, uri: str) -> str:
        return str(self.server.workspace.get_text_document(uri).source)

    def changed(self, uri: str) -> None:
        """Read a problem file again, and tell what is wrong with it."""
        if _is_python(uri):
            return
        self.problems[uri] = ProblemText(self.text(uri), to_fs_path(uri) or uri)
        self._publish(uri, self.problems[uri].findings)

    def saved(self, uri: str) -> None:
        """Look at a Python file again, and tell what is wrong with its networks."""
        path = to_fs_path(uri)
        if not _is_python(uri) or path is None:
            return
        self.programs[uri] = found = shown_of(Path(path))
        self._publish(uri, [Diagnostic(f["line"], 0, f["code"], f["message"]) for f in found["findings"]])
        self.server.workspace_inlay_hint_refresh(None)

    def closed(self, uri: str) -> None:
        self.problems.pop(uri, None)
        self.programs.pop(uri, None)
        self._publish(uri, [])

    def _publish(self, uri: str, findings: list[Diagnostic]) -> None:
        lines = self.text(uri).split("\n")
        shown = [_diagnostic(finding, lines) for finding in findings]
        self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown))


def _is_python(uri: str) -> bool:
    return uri.endswith(".py")


def _diagnostic(finding: Diagnostic, lines: list[str]) -> types.Diagnostic:
    line = min(finding.line, len(lines) - 1)
    text = lines[line]
    start = max(finding.column, len(text) - len(text.lstrip()))
    place = types.Range(types.Position(line, _units(text[:start])), types.Position(line, _units(text)))
    return types.Diagnostic(place, finding.message, severity=_LEVELS[finding.level], code=finding.code or None,
                            source="convsolve")  # fmt: skip


def _units(text: str) -> int:
    """Return the length of a text as the protocol counts it: in units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def make_server() -> LanguageServer:
    """Return the server, with all that it answers."""
    try:
        release = version("convsolve")
    except PackageNotFoundError:  # run from its sources
        release = "of no release"
    server = LanguageServer("convsolve", release)
    documents = _Documents(server)
    _follow(server, documents)
    _answer(server, documents)
    return server


def _follow(server: LanguageServer, documents: _Documents) -> None:
    """Let the server follow what is opened, written, saved and closed."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.thread()
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        documents.changed(params.text_document.uri)
        documents.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        documents.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @server.thread()
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        documents.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        documents.closed(params.text_document.uri)


def _answer(server: LanguageServer, documents: _Documents) -> None:
    """Let the server answer what editors ask."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = documents.problems.get(params.text_document.uri)
        text = document.hover(params.position.line) if document is not None else None
        return None if text is None else types.Hover(text)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=[" ", "{", "-"]))
    def complete(params: types.CompletionParams) -> list[types.CompletionItem]:
        if params.text_document.uri not in documents.problems:
            return []
        lines = documents.text(params.text_document.uri).split("\n")
        line = lines[params.position.line] if params.position.line < len(lines) else ""
        return [types.CompletionItem(word, detail=about) for word, about in
                completions(line[: params.position.character])]  # fmt: skip

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        uri = params.text_document.uri
        lines = documents.text(uri).split("\n")
        document = documents.problems.get(uri)
        found = document.hints() if document else [(n, t) for n, t in documents.programs.get(uri, {}).get("hints", ())]
        return [types.InlayHint(types.Position(line, _units(lines[line])), text, padding_left=True)
                for line, text in found if line < len(lines)]  # fmt: skip

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION,
                    types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]))  # fmt: skip
    @server.thread()
    def fixes(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        lines = documents.text(uri).split("\n")
        document = documents.problems.get(uri)
        found = (
            document.fixes()
            if document
            else [
                QuickFix(fix["title"], 0, len(lines), fix["text"])
                for fix in documents.programs.get(uri, {}).get("fixes", ())
            ]
        )
        return [_action(uri, fix, lines) for fix in found]


def _action(uri: str, fix: QuickFix, lines: list[str]) -> types.CodeAction:
    last = fix.line + fix.count - 1
    place = types.Range(types.Position(fix.line, 0), types.Position(last, _units(lines[last])))
    edit = types.WorkspaceEdit(changes={uri: [types.TextEdit(place, fix.text)]})
    return types.CodeAction(f"convsolve: {fix.title}", kind=types.CodeActionKind.QuickFix, edit=edit)
