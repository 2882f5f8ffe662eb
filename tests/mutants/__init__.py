"""The test of the tests: small harmful changes of the code, each of which a named test must notice.

`python -m tests.mutants` applies them one at a time in a copy of the tree, runs the test of each, prints a table, and
ends with 1 when one survives. A change whose place in the code is gone says so, and does not count as noticed.
"""
