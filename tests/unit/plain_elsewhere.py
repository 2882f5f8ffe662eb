"""Where a function is defined that others import."""


def elsewhere() -> str:
    return "from elsewhere"
