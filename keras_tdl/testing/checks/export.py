"""Exported models: written, loaded again by the runtime they are for, and compared."""

import contextlib
import importlib
import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs
from keras_tdl.testing.calls import built, call_flat, close, functional, tensors
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments

EXPORTED = ("activation.function", "activation.class", "layer.class")
Runner = Callable[[str, list[np.ndarray]], list[np.ndarray]]


def _module(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NotRun(f"{package} is not installed") from None


def _compare(case: Case, form: str, ending: str, run: Runner) -> None:
    """Exports a model of the case, runs the file, and compares the values."""
    model = functional(case, built(case))
    inputs = keras.tree.flatten(arguments(case, batch=2))
    want = outputs(call_flat(model), *inputs)
    # exporters and runtimes warn of their own doings
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        path = str(Path(folder, f"model{ending}"))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                model.export(path, format=form, verbose=False)
        except ImportError as missing:
            raise NotRun(str(missing).splitlines()[0]) from None
        try:
            got = run(path, inputs)
        except Exception as error:
            raise Failure(
                f"the file was written, but does not run: {type(error).__name__}: {error}",
                cause="the exporter writes an op that its own runtime does not have",
            ) from error
    close([np.asarray(a) for a in got], want, f"values of the {form} file", rtol=1e-4, atol=1e-5)


@check_of(
    *EXPORTED, name="export.saved_model", tier="deploy", cause="call() uses something that TensorFlow cannot trace"
)
def export_saved_model(case: Case) -> None:
    """An exported SavedModel is loaded by TensorFlow and gives the same values."""
    tf = _module("tensorflow", "TensorFlow")
    if keras.config.backend() == "torch":
        raise NotRun("Keras exports no SavedModel from PyTorch")

    def run(path: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
        loaded = tf.saved_model.load(path)  # its variables live as long as it does
        return [t.numpy() for t in keras.tree.flatten(loaded.serve(*[tf.constant(a) for a in inputs]))]

    _compare(case, "tf_saved_model", "", run)


@check_of(*EXPORTED, name="export.onnx", tier="deploy", cause="an op without a form in ONNX")
def export_onnx(case: Case) -> None:
    """An exported ONNX file is run by ONNX Runtime and gives the same values."""
    _module("onnx", "onnx")
    onnxruntime = _module("onnxruntime", "onnxruntime")

    def run(path: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        return session.run(None, dict(zip(names, inputs, strict=True)))

    _compare(case, "onnx", ".onnx", run)


@check_of(*EXPORTED, name="export.openvino", tier="deploy", cause="an op without a form in OpenVINO")
def export_openvino(case: Case) -> None:
    """An exported OpenVINO model is run by OpenVINO and gives the same values."""
    openvino = _module("openvino", "openvino")
    # Keras's file may name an output twice
    count = len(keras.tree.flatten(built(case)(*tensors(arguments(case, batch=2)))))

    def run(path: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
        # by default the CPU may compute in half precision
        result = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(inputs)
        return [np.array(result[number]) for number in range(count)]

    _compare(case, "openvino", ".xml", run)


@check_of(*EXPORTED, name="export.litert", tier="deploy", cause="an op without a form in LiteRT")
def export_litert(case: Case) -> None:
    """An exported LiteRT file is run by its interpreter and gives the same values."""
    if keras.config.backend() != "tensorflow":
        raise NotRun("Keras exports LiteRT from TensorFlow")
    interpreters = _module("ai_edge_litert.interpreter", "ai-edge-litert")

    def run(path: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
        interpreter = interpreters.Interpreter(model_path=path)
        entries = interpreter.get_input_details()
        for entry, array in zip(entries, inputs, strict=True):
            interpreter.resize_tensor_input(entry["index"], array.shape)
        interpreter.allocate_tensors()
        for entry, array in zip(entries, inputs, strict=True):
            interpreter.set_tensor(entry["index"], array)
        interpreter.invoke()
        return [interpreter.get_tensor(entry["index"]) for entry in interpreter.get_output_details()]

    _compare(case, "litert", ".tflite", run)
