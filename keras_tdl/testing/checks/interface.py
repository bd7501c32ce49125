"""What an author shows to others: documentation, examples, and what the module imports."""

import ast
import contextlib
import doctest
import inspect
import io
import os
import re
import sys
import tempfile
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure, NotRun, check_of

EVERYTHING = (
    "activation.function",
    "activation.class",
    "layer.class",
    "loss.function",
    "loss.class",
    "metric.class",
)
#: What no module should import, and what to do instead.
PRIVATE = {
    "keras.src": "Keras's private modules change without notice: import from keras",
    "tensorflow.keras": "import keras: tensorflow.keras may be another Keras",
    "tensorflow.python": "TensorFlow's private modules change without notice",
    "tf_keras": "import keras: tf_keras is Keras 2",
}


def _subject(case: Case) -> Any:
    return case.type or case.subject


def _documentation(case: Case) -> str:
    """The docstring of a function, or those of a class and its `__init__`."""
    subject = _subject(case)
    texts = [subject.__doc__ or ""]
    if case.is_class:
        texts.append(subject.__init__.__doc__ or "")
    return "\n".join(map(inspect.cleandoc, texts)).strip()


@check_of(*EVERYTHING, name="interface.docstring", severity="should", cause="an argument was added and not documented")
def interface_docstring(case: Case) -> None:
    """The docstring names every argument."""
    text = _documentation(case)
    if not text:
        raise Failure("no docstring", cause="")
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = [n for n, p in inspect.signature(_subject(case)).parameters.items() if p.kind not in variadic]
    # Keras's own arguments, which every layer, loss and metric has
    missing = [n for n in names if n not in ("name", "dtype", "reduction") and not re.search(rf"\b{n}\b", text)]
    if missing:
        raise Failure(f"the docstring does not name {', '.join(missing)}", expected=missing)


class _AnyOutput(doctest.OutputChecker):
    """Takes any output, since each backend prints its tensors in its own way."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return True


@check_of(
    *EVERYTHING, name="interface.example", severity="should", cause="the example was not run after the last change"
)
def interface_example(case: Case) -> None:
    """The examples in the docstring run."""
    subject = _subject(case)
    text = _documentation(case)
    if ">>>" not in text:
        raise NotRun("no example with >>> in the docstring")
    namespace = {"np": np, "numpy": np, "keras": keras, "layers": keras.layers, **vars(sys.modules[subject.__module__])}
    test = doctest.DocTestParser().get_doctest(text, namespace, subject.__name__, None, None)
    output = io.StringIO()
    runner = doctest.DocTestRunner(_AnyOutput(), verbose=False)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(folder)  # examples may save models
            with contextlib.redirect_stdout(io.StringIO()):
                result = runner.run(test, out=output.write)
        finally:
            os.chdir(before)
    if result.failed:
        said = re.sub(r"\n\s*", " / ", output.getvalue().strip().strip("*").strip())
        raise Failure(f"{result.failed} of {result.attempted} examples fail: {said[:600]}")


@check_of(
    *EVERYTHING,
    name="interface.imports",
    severity="should",
    cause="a private module is used for something the public API has",
)
def interface_imports(case: Case) -> None:
    """The module imports only public Keras, and no backend at its top."""
    module = sys.modules[_subject(case).__module__]
    if module.__name__.partition(".")[0] == "keras":
        raise NotRun("a part of Keras itself")
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        raise NotRun("the module has no source") from None
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in _imported(node):
            for private, advice in PRIVATE.items():
                if name == private or name.startswith(f"{private}."):
                    raise Failure(f"line {node.lineno} imports {name}", cause=advice)  # type: ignore[attr-defined]
    for node in tree.body:
        for name in _imported(node):
            top = name.partition(".")[0]
            if top in ("tensorflow", "jax", "torch") and top != keras.config.backend():
                raise Failure(
                    f"line {node.lineno} imports {top}, while the backend is {keras.config.backend()}",
                    cause="use keras.ops, or import a backend only where it is the active one",
                )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []
