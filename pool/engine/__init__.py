"""The processes that execute jobs: node, nursery, clerk and workers."""
