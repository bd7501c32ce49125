"""Layers that work in Keras, and not in the file that they are exported to."""

from controls import Scale
from keras import ops
from mutants import mutant

ROW = {"inputs": (3,)}


@mutant("export.saved_model", backends=("tensorflow",), reason="elsewhere the axis has a size", **ROW)
class GuessesTheBatch(Scale):
    """Divides by the batch size, or by 1 while that is not known: in the file it is not."""

    def call(self, inputs):
        return super().call(inputs) / (inputs.shape[0] or 1)


@mutant("export.saved_model", backends=("jax",), reason="TensorFlow has singular values", **ROW)
@mutant("export.onnx", **ROW)
@mutant("export.openvino", backends=("tensorflow", "torch"), reason="OpenVINO reads no layer of JAX", **ROW)
@mutant("export.litert", backends=("tensorflow",), reason="Keras exports LiteRT from TensorFlow", **ROW)
class SpectralNorm(Scale):
    """Singular values, which few runtimes have."""

    def call(self, inputs):
        x = super().call(inputs)
        return x / (1.0 + ops.svd(x[:, :, None] * x[:, None, :], compute_uv=False))
