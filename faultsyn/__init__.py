"""faultsyn: few-shot industrial fault diagnosis, rare-fault synthesis and honest evaluation.

Rooms, in the order that data flows: ``ingest`` and ``store`` (files to one HDF5 store), ``signal``
(features), ``synth`` (generators), ``diagnose`` (classifiers), ``privacy``, ``evaluate``
(measures), ``experiment`` (studies), ``plant`` (diagnosers), ``edge`` (ONNX), ``report``; ``api``
and ``cli`` are the verbs. Importing the package imports none of them.
"""

__version__ = "0.1.0"
