"""The targets of speed and memory, and which of them a row of docs/speed.json misses."""

from collections.abc import Mapping
from typing import Any

#: Whose memory is shown.
NAMES = {"ours": "ours", "keras": "Keras", "framework": "framework"}
KEPT = "kept"
PEAK = "peak"
#: Compiled code may take this many times the floor, where the framework's own does.
FAR = 1.5
#: Memory is measured to a tenth of a byte an element, in processes whose size is counted in pages.
SLACK = 0.3
#: A tensor of the input's size, in bytes an element.
TENSOR = 4
#: Activations for which one tensor is enough.
ONE = ("swish", "elu", "leaky_relu", "prelu", "step")


def missed(kind: str, row: Mapping[str, Any], memory: Mapping[str, Any]) -> dict[str, str]:
    """What a row misses, as the column and the word that marks it: `{"keras": "slower"}`."""
    ratio = row["ratio"]
    noise = max(1.0, ratio["null"][2])
    found = {peer: "slower" for peer in ("keras", "framework") if peer in ratio and ratio[peer][0] > noise}
    if row["mode"] != "eager" and "framework" in row["milliseconds"]:
        reached = row["milliseconds"]["framework"] / row["milliseconds"]["floor"] <= FAR
        if reached and ratio["floor"][0] > FAR:
            found["floor"] = "far"
    return found | (_memory(kind, row["mode"], memory) if memory else {})


def _memory(kind: str, mode: str, memory: Mapping[str, Any]) -> dict[str, str]:
    kept, found = memory["kept"], {}
    limits = [kept[name][0] for name in ("keras", "framework") if name in kept]
    if memory["room"] in ONE:
        limits.append(TENSOR)
    if "ours" in kept:
        too_many = kind == "losses" and kept["ours"][1] > (2 if mode == "eager" else 1) * TENSOR + SLACK
        if too_many or any(kept["ours"][0] > limit + SLACK for limit in limits):
            found[KEPT] = "more"
    if kind == "losses" and mode != "eager" and memory["extra"].get("ours", 0) > TENSOR + SLACK:
        found[PEAK] = "more"
    return found
