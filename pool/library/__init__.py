"""Ready-made tasks over real files, one file per kind of work.

The registry reads `MODULES` and imports what it names; nothing is imported here, and the modules load their heavy
libraries inside the tasks, because the process that workers are forked from must stay at one thread.
"""

MODULES = (
    "pool.library.compression",
    "pool.library.computation",
    "pool.library.encryption",
    "pool.library.files",
    "pool.library.images",
    "pool.library.memory",
    "pool.library.network",
    "pool.library.showcase",
    "pool.library.tables",
    "pool.library.text",
    "pool.library.trees",
)
