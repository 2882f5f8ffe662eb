"""What axe, the checker of accessibility, finds on a page as it stands. It comes in past the page's policy."""

from collections.abc import Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_axe = Axe()


def violations(page: Page, aside: Iterable[str] = ()) -> list[str]:
    """One line for each rule that is broken, with the places; the rules `aside` are not asked for."""
    rules = {name: {"enabled": False} for name in aside}
    found = _axe.run(page, options={"resultTypes": ["violations"], "rules": rules}).response["violations"]
    return [f"axe {one['id']} ({one['impact']}): {_places(one['nodes'])}" for one in found]


def _places(nodes: list[dict[str, object]]) -> str:
    return "; ".join(f"{node['target']} {node['html']}"[:300] for node in nodes[:5])
