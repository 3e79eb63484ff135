"""The application: its verbs in the order of `--help`, and what becomes of errors."""

from __future__ import annotations

import logging
import sys

import typer

from faultsyn.cli.edge import export
from faultsyn.cli.generate import adapt, pretrain, synthesize
from faultsyn.cli.geometry import bearing, gear
from faultsyn.cli.ingest import card, fetch, ingest, simulate
from faultsyn.cli.judge import evaluate
from faultsyn.cli.plant import diagnose, train
from faultsyn.cli.privacy import audit
from faultsyn.cli.rank import rank
from faultsyn.cli.store import inspect, join, validate
from faultsyn.cli.study import report, run
from faultsyn.cli.terminal import say
from faultsyn.cli.upkeep import add_fault, rebaseline, undo
from faultsyn.errors import FaultsynError

VERBS = (
    simulate,
    fetch,
    card,
    ingest,
    inspect,
    validate,
    join,
    bearing,
    gear,
    pretrain,
    adapt,
    synthesize,
    evaluate,
    audit,
    rank,
    train,
    diagnose,
    add_fault,
    rebaseline,
    undo,
    export,
    run,
    report,
)

_STOPPED = 130
"""Exit code of a command that was stopped by Ctrl-C."""

app = typer.Typer(
    name="faultsyn",
    help="Few-shot industrial fault diagnosis: recordings in, a believable comparison out.",
    epilog="--debug, given to any command, shows where an error comes from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Entry point: bad input is one line and exit code 2; `--debug` shows where it came from."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
        logging.basicConfig(level=logging.DEBUG)
    try:
        app()
    except SystemExit as end:  # typer takes Ctrl-C itself, without a word
        if end.code == _STOPPED:
            say("stopped; what was finished is kept, run the same command again to go on", err=True)
        raise
    except (FaultsynError, OSError) as error:
        if debug:
            raise
        say(f"error: {_one_line(error)}", err=True)
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        say(f"internal error: {type(error).__name__}: {_one_line(error)}", err=True)
        say("run again with --debug for the traceback", err=True)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return " ".join(str(error).split())
