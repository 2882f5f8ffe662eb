"""The site's settings with a channel layer whose broker cannot be reached."""

from typing import Any

from poolsite.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": {"BACKEND": "tests.faults.lost_broker.LostLayer"}}


class LostLayer:
    """Whatever is asked of it fails."""

    def __init__(self, **_: Any) -> None:
        """Nothing is asked yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise ConnectionRefusedError("The broker is gone.")
