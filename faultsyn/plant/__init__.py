"""Diagnosers for the plant: trained once, kept as an artefact, asked for verdicts on recordings.

`training.train_diagnoser` makes a `diagnoser.Diagnoser`, `diagnosing.diagnose` asks it.
"""
