"""What nobody uses, taken out of the firmware's sources: by names, over all files together.

Docstrings and annotations go. Knows nothing of types: a method goes when nobody says its name.
"""

import ast
from collections.abc import Iterable
from typing import Protocol

from . import shortnames
from .errors import DreamlampError


class Parsed(Protocol):
    """A file whose `tree` is replaced."""

    tree: ast.Module


def shake(modules: Iterable[Parsed]) -> None:
    """Drop imports, definitions and assignments that nobody says, until nothing falls any more."""
    modules = list(modules)
    size = -1
    while size != (size := sum(1 for m in modules for _ in ast.walk(m.tree))):
        for module in modules:
            names = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
            module.tree = _Imports(names | shortnames.DOORS).visit(module.tree)
        said = shortnames.DOORS.union(*(_said(module.tree) for module in modules))
        for module in modules:
            module.tree = _Definitions(said).visit(module.tree)


def _said(tree: ast.Module) -> set[str]:
    """The names that a file asks for; what it asks modules of others for is none of the lamp's."""
    imports = (n for n in ast.walk(tree) if isinstance(n, ast.Import))
    foreign = {(alias.asname or alias.name).split(".")[0] for n in imports for alias in n.names}
    said = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            hidden = foreign & shortnames.own(node)
            if hidden:  # what is asked of it would be taken for the module's
                raise DreamlampError(
                    f"a name of line {node.lineno} hides the module {hidden.pop()}: take another"
                )
        match node:
            case ast.Attribute(value=ast.Name(id=module)) if module in foreign:
                pass
            case ast.Attribute(attr=name) | ast.Name(id=name) if not isinstance(
                node.ctx, ast.Store
            ):
                said.add(name)
            case ast.ImportFrom(names=names):
                said |= {alias.name for alias in names}
    return said


class Bare(ast.NodeTransformer):
    """Takes off docstrings and annotations; viper's types stay."""

    def generic_visit(self, node):
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node

    def visit_Expr(self, node):
        return None if isinstance(node.value, ast.Constant) else node

    def visit_AnnAssign(self, node):
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if not any("viper" in ast.unparse(decorator) for decorator in node.decorator_list):
            node.returns = None
            for arg in node.args.args:
                arg.annotation = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


class _Imports(Bare):
    def __init__(self, said: set[str]):
        self.said = said

    def visit_Import(self, node):
        node.names = [a for a in node.names if (a.asname or a.name).split(".")[0] in self.said]
        return node if node.names else None

    visit_ImportFrom = visit_Import


class _Definitions(Bare):
    def __init__(self, said: set[str]):
        self.said = said
        self.inside = 0  # functions

    def visit_FunctionDef(self, node):
        if not self.inside and not node.name.startswith("__") and node.name not in self.said:
            return None
        self.inside += 1
        self.generic_visit(node)
        self.inside -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        return self.generic_visit(node) if node.name in self.said else None

    def visit_Assign(self, node):
        if _harmless(node.value):
            node.targets = [target for target in node.targets if not self._idle(target)]
        return node if node.targets else None

    def visit_AugAssign(self, node):
        return None if self._idle(node.target) and _harmless(node.value) else node

    def _idle(self, target: ast.expr) -> bool:
        """Whether nobody reads what is assigned there."""
        match target:
            case ast.Name(id=name):
                return not self.inside and name not in self.said
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return name not in self.said
        return False


def _harmless(value: ast.expr) -> bool:
    """Whether an expression does nothing but have a value."""
    if any(isinstance(node, ast.Await | ast.Yield | ast.YieldFrom) for node in ast.walk(value)):
        return False
    makers = {"array", "bytearray", "bytes", "memoryview"}
    calls = [node.func for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(isinstance(called, ast.Name) and called.id in makers for called in calls)
