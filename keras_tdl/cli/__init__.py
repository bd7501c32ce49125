"""The command `keras-tdl`: the catalogue in a terminal, and the conformance of any code for Keras."""

import sys

#: Exit code if the packages of the extra `cli` are missing.
NOT_INSTALLED = 3
EPILOG = "Exit codes: 0 done; 1 failed; 2 wrong usage, or a name the catalogue does not have; 3 packages missing."


def main() -> None:
    """Runs the command. Its packages are an extra, so nothing else imports them."""
    try:
        from keras_tdl.cli.commands import commands
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        print(
            f"keras-tdl needs the package {error.name}, which is not installed. Run: pip install 'keras-tdl[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(NOT_INSTALLED) from None
    commands(prog_name="keras-tdl")
