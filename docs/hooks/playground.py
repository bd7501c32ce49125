"""What the playground loads on demand: ONNX Runtime Web and the model of XOR, as one script.

A MkDocs hook. A page that was opened from a folder may neither fetch a file nor import a module, but it may load a
script; so the WebAssembly, its loader and the model are written into one, as text.
"""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

DOCS = Path(__file__).resolve().parents[1]
VENDOR = DOCS / "vendor" / "onnxruntime-web"
RUN = DOCS / "runs" / "xor"
FOLDER = "assets/playground"


def runtime() -> str:
    """The script: the global `ort`, and `tdlPlayground` with what it needs to start."""
    library = (VENDOR / "ort.wasm.min.js").read_text(encoding="utf-8")
    library = "".join(line for line in library.splitlines(True) if not line.startswith("//# sourceMappingURL"))
    license_text = (VENDOR / "LICENSE").read_text(encoding="utf-8").strip()
    parts = {
        "loader": (VENDOR / "ort-wasm-simd-threaded.mjs").read_text(encoding="utf-8"),
        "model": _base64(RUN / "model.onnx"),
        "wasm": _base64(VENDOR / "ort-wasm-simd-threaded.wasm.gz"),
    }
    return f"/*!\nONNX Runtime Web. {license_text}\n*/\n{library}\nglobalThis.tdlPlayground = {json.dumps(parts)};\n"


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Adds the script, the model as a file of its own, and the picture that is shown without JavaScript."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, f"{FOLDER}/runtime.js", content=runtime()))
    for name, source in (("xor.onnx", "model.onnx"), ("xor.png", "model.png")):
        files.append(File.generated(config, f"{FOLDER}/{name}", abs_src_path=str(RUN / source)))
    return files
