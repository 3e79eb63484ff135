"""Results of a study shown where its users watch studies: TensorBoard or MLflow.

Both are optional and imported when they are asked for; results stay in their own files either way.
"""

from faultsyn.experiment.tracking.base import METRICS, Tracker
from faultsyn.experiment.tracking.choose import keep_report, open_tracker

__all__ = ["METRICS", "Tracker", "keep_report", "open_tracker"]
