"""The verbs of the command line as Python calls: same names, same arguments.

from faultsyn import api

api.simulate("data/rig.h5")
api.run("experiments/demo.yaml", out="runs/demo")
api.report("runs/demo")
"""

from __future__ import annotations

from faultsyn.api.diagnosers import add_fault, diagnose, export, rebaseline, train, undo, watch
from faultsyn.api.generators import adapt, audit, evaluate, pretrain, synthesize
from faultsyn.api.geometry import bearing, gear
from faultsyn.api.progress import Progress
from faultsyn.api.recordings import card, fetch, ingest, inspect, join, preview, simulate, validate
from faultsyn.api.studies import rank, report, run

__all__ = [
    "Progress",
    "adapt",
    "add_fault",
    "audit",
    "bearing",
    "card",
    "diagnose",
    "evaluate",
    "export",
    "fetch",
    "gear",
    "ingest",
    "inspect",
    "join",
    "pretrain",
    "preview",
    "rank",
    "rebaseline",
    "report",
    "run",
    "simulate",
    "synthesize",
    "train",
    "undo",
    "validate",
    "watch",
]
