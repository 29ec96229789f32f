"""Records what frameworks executed, for tests that run without them: ``python -m tests.conformance.record``.

The first cases of every operation of every suite are executed, and written with what came of them to
``tests/operators/recorded.json``: the shapes and the parameters as the framework has them (where we disagree on
purpose, as our rule says), and beside them what no framework tells: which requirements fail, the multiply-accumulate
operations and how far the output sees.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.conformance import conftest  # noqa: F401  # chooses the backend before a framework is imported

from tests.conformance import test_keras, test_onnx, test_torch  # isort: skip
from tests.conformance.judge import Case, Suite, judged
from tests.operators.recorded import Row, computed

PATH = Path(__file__).parents[1] / "operators" / "recorded.json"
CASES = 9
"""How many cases of each operation are recorded."""


def plain(value: Any) -> Any:
    """Return a parameter as JSON has it."""
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Fraction) else value


def row(suite: Suite, name: str, case: Case) -> Row:
    """Return a case as executed."""
    executed, verdict = suite.execute(case), judged(case, suite.framework)
    agreed = executed.shapes == verdict.shapes
    assert agreed or suite.operations[name].excused(case, verdict, executed), f"{name}: {verdict}, executed: {executed}"
    parameters = {key: plain(value) for key, value in case.operator.stated().items()}
    network = {"framework": suite.framework, "data_format": case.data_format, "training": case.training,
               "batch_size": case.batch_size}  # fmt: skip
    found: Row = {"operator": case.operator.kind, **parameters, "inputs": plain(case.shapes), "network": network}
    ours = computed(found)
    assert ours["outputs"] == (None if verdict.shapes is None else plain(verdict.shapes)), f"{name}: {found}"
    return found | ours


def main() -> None:
    rows = [
        row(suite, name, case)
        for suite in (test_torch.suite, test_keras.suite, test_onnx.suite)
        for name in suite.operations
        for case in [c for _, c in zip(range(CASES), suite.drawn(name, 1), strict=False)]
    ]
    PATH.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(f"{len(rows)} cases")


if __name__ == "__main__":
    main()
