"""The packages of the wheel; everything else about it stands in pyproject.toml.

The dashboard's pages live in templates/ and static/ at the top of the repository and belong into the wheel as
dashboard/templates and dashboard/static, where Django looks for those of an installed app. pyproject.toml can find
packages or list such folders, but not both. The site (poolsite), the tests and the bench stay in the repository.
"""

from pathlib import Path

from setuptools import find_packages, setup

PAGES = {f"dashboard.{folder}": folder for folder in ("templates", "static") if Path(folder).is_dir()}

setup(
    packages=[*find_packages(include=["pool*", "dashboard*"], exclude=["poolsite*"]), *PAGES],
    package_dir=PAGES,
    package_data={"*": ["py.typed"]} | {package: ["**/*"] for package in PAGES},
    include_package_data=False,
)
