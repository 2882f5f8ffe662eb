"""What a built-in task says when it cannot do its work: one sentence that names the file and what to do.

Raised by the tasks in the worker; the sentence becomes the error of the job.
"""

from pool.domain.errors import PoolError


class LibraryError(PoolError):
    """The task cannot do this with this input."""

    retryable = False


class PathRefused(LibraryError):
    """The path lies outside the folders that built-in tasks may touch."""


class RequestRefused(LibraryError):
    """The host is not among those that built-in tasks may send requests to."""


class MissingExtra(LibraryError):
    """A library of the extra [library] is not installed."""
