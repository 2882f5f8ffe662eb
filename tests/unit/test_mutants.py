"""The mutants can be applied to the code as it is, and the tests that must notice them exist."""

import ast
import re

import pytest

from tests.mutants.__main__ import ROOT, NotApplicable, apply
from tests.mutants.catalogue import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_place_is_there_exactly_once(mutant):
    text = (ROOT / mutant.file).read_text()
    changed = apply(mutant, text)
    assert text != changed
    if mutant.file.endswith(".py"):
        ast.parse(changed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_test_is_there(mutant):
    path, *names = re.sub(r"\[.*\]$", "", mutant.test).split("::")
    scope = ast.parse((ROOT / path).read_text()).body
    for name in names:
        (found,) = [node for node in scope if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name]
        scope = found.body


def test_names_are_their_own():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 14


@pytest.mark.parametrize("text", ["", "here and here"])
def test_a_place_that_is_gone_or_not_the_only_one_fails_loudly(text):
    with pytest.raises(NotApplicable, match=f"a.py has {text.count('here')} times: here"):
        apply(Mutant("m", "a.py", (("here", "there"),), "t"), text)
