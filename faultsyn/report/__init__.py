"""Results become figures, one self-contained HTML page, and one table for the terminal.

Importing this package loads matplotlib: callers that must start fast import it where they need it.
"""

from faultsyn.report.audit_page import write_audit
from faultsyn.report.page import write_report
from faultsyn.report.passport_page import write_passport
from faultsyn.report.quality_page import write_quality
from faultsyn.report.summary import summary_table

__all__ = ["summary_table", "write_audit", "write_passport", "write_quality", "write_report"]
