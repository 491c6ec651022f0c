"""Attaching to every server on every Python, at rest and under traffic, twenty times each.

    PYTHONPATH=tests python -m attach_matrix run [--only WORD ...]
    PYTHONPATH=tests python -m attach_matrix publish

What was measured stays in `.cache/attach-matrix`, so that a run goes on where it was interrupted; `publish` writes
`tests/attach_matrix/results.json` and the tables of docs/attach.md from it.
"""
