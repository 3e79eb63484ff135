"""What windows that are shared give away: attacks on any generator, and how sure they are.

Pure functions on arrays. Every attack on membership gives each window a score, higher the likelier
the generator learned from it; `faultsyn.privacy.roc` says how good the scores are. An attack that
fails proves nothing: another one may succeed. Only differential privacy bounds all of them, and
`faultsyn.privacy.canary` measures from below what such a bound is worth.
"""
