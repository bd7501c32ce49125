"""What `import keras_tdl` adds to `import keras`, on each installed backend, in fresh processes.

python benchmarks/import_time.py [REPEATS]
"""

import importlib.util
import os
import statistics
import subprocess
import sys

CODE = (
    "import time; start = time.perf_counter(); import keras; middle = time.perf_counter(); import keras_tdl;"
    "print(middle - start, time.perf_counter() - middle)"
)


def measure(backend: str, repeats: int) -> list[tuple[float, float]]:
    """Seconds for `import keras` and for `import keras_tdl` after it, `repeats` times, after one run unmeasured."""
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    times = []
    for _ in range(repeats + 1):
        run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=120)
        if run.returncode:
            sys.exit(f"On {backend}: {run.stderr}")
        keras, ours = map(float, run.stdout.split()[-2:])
        times.append((keras, ours))
    return times[1:]


def main() -> None:
    """Prints a table of medians, with the largest in brackets."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'backend':<12}{'import keras':>20}{'import keras_tdl adds':>26}   median (largest) of {repeats}")
    for backend in ("tensorflow", "jax", "torch"):
        if importlib.util.find_spec(backend) is None:
            print(f"{backend:<12}{'not installed':>20}")
            continue
        cells = [
            f"{statistics.median(column):.2f} s ({max(column):.2f} s)"
            for column in zip(*measure(backend, repeats), strict=True)
        ]
        print(f"{backend:<12}{cells[0]:>20}{cells[1]:>26}")


if __name__ == "__main__":
    main()
