"""`python -m benchmarks activations`, `losses` or `many_classes`; `--help` after one of them says more."""

import sys

#: Command -> module.
COMMANDS = {"activations": "speed", "losses": "speed", "many_classes": "many_classes"}


def main(arguments: list[str]) -> None:
    """Runs one of the commands."""
    import importlib

    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        raise SystemExit(f"Expected one of {', '.join(COMMANDS)} after `python -m benchmarks`. Received: {command!r}.")
    module = importlib.import_module(f"benchmarks.{COMMANDS[command]}")
    module.main(arguments if COMMANDS[command] == "speed" else arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
