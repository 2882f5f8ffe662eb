"""An app of tasks that behave well and badly, for tests with real processes."""
