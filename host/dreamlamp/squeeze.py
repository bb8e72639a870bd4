"""The firmware's sources made small before they are compiled: the same program in fewer words.

The lamp's code lives in its heap. So, over all files together: constants become literals, what
nobody uses goes (shake.py), and so do docstrings and annotations; then the lamp's own names are
shortened (shortnames.py) and numbered (nameorder.py). Every file is one module still, and
`Squeezed.explain` turns a traceback back. Knows no compiler and no file system.
"""

import ast
import re
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from . import inline, merge, nameorder, shake, shortnames
from .errors import DreamlampError

Value = int | str | bytes
KNOWN: dict[str, Value] = {"CPYTHON": False}  # of compat.py, on the lamp
_REFLECTION = {"getattr", "setattr", "hasattr", "globals", "locals", "vars", "eval", "exec"}
_FOLD = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitAnd: lambda a, b: a & b,
}


@dataclass
class Squeezed:
    """`files`: path to source. `names`: module to {short: long} of its functions and classes."""

    files: dict[str, str]
    names: dict[str, dict[str, str]]
    modules: dict[str, "Module"]
    merger: merge.Merger
    short: dict[str, str]

    def explain(self, traceback: str) -> str:
        """The traceback of a lamp with this firmware, in the sources' own names."""

        def line(found: re.Match) -> str:
            long = self.names.get(found["module"], {})
            return found["head"] + long.get(found["name"], found["name"])

        pattern = r'(?P<head>File "(?P<module>\w+)", .*in )(?P<name>\w+)'
        return re.sub(pattern, line, traceback)

    def speak(self, script: str) -> str:
        """A script that uses the sources' names, in the words of this firmware."""
        module = Module("", script)
        module.resolve(self.modules)
        module.inline(self.modules)
        tree = self.merger.rewrite(module.tree, merge.GUEST)
        shortnames.put_in(tree, self.short, guest=True)
        return _text(tree)


def squeeze(sources: dict[str, str]) -> Squeezed:
    """Squeeze the files of the package `lamp`: {path within it: source}."""
    paths = {_dotted(path): path for path in sources}
    modules = {_dotted(path): Module(_dotted(path), text) for path, text in sources.items()}
    modules.pop("compat", None)
    for module in modules.values():
        module.resolve(modules)
    for module in modules.values():
        module.inline(modules)
    shake.shake(modules.values())
    once = _once(modules)
    for module in modules.values():
        module.inline(modules, once)
    shake.shake(modules.values())
    modules = {dotted: modules[dotted] for dotted in _reached(modules)}
    merger = merge.Merger({dotted: module.tree for dotted, module in modules.items()})
    trees = merger.merged()
    _flatten(trees.values())
    inline.put_in(trees.values())
    short = shortnames.choose(trees)
    names = {dotted.split(".")[-1]: _told(tree, short) for dotted, tree in trees.items()}
    kept = shortnames.keywords(trees.values())
    for tree in trees.values():
        shortnames.put_in(tree, short)
        shortnames.number(tree, kept)
        nameorder.put_in(tree)
    files = {paths[dotted]: _text(tree) for dotted, tree in trees.items()}
    return Squeezed(files, names, modules, merger, short)


def _told(tree: ast.Module, short: dict[str, str]) -> dict[str, str]:
    """What a traceback's names may stand for: several share one."""
    long: dict[str, list[str]] = {}
    for name in sorted(shortnames.defined(tree)):
        long.setdefault(short.get(name, name), []).append(name.replace("__", "."))
    return {new: "|".join(names) for new, names in long.items()}


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")


def _text(tree: ast.AST) -> str:
    """The source of `tree`; no parentheses in `a, b = c, d`, or MicroPython makes a tuple."""
    bare: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            mark = f"tuple_{len(bare)}_"
            bare[mark] = ", ".join(ast.unparse(part) for part in node.value.elts)
            node.value = ast.Name(mark, ast.Load()) if len(node.value.elts) > 1 else node.value
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return re.sub(r"\btuple_\d+_", lambda found: bare[found[0]], text)


class Module:
    """One file: its tree, what it imports of the lamp, and which of its names are constants."""

    def __init__(self, dotted: str, text: str):
        self.dotted = dotted
        self.tree = shake.Bare().visit(ast.parse(text))
        self.imported: dict[str, tuple[str, str]] = {}  # name: (module, name there; "" itself)
        self.constants: dict[str, Value] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and node.id in _REFLECTION:
                raise DreamlampError(
                    f"{dotted}: {node.id} reaches names by their letters, which the build "
                    "changes: write the name out"
                )

    def resolve(self, modules: dict[str, "Module"]) -> None:
        """Find the imports and the constants."""
        if self.imported or self.constants:
            return
        for place, alias in shortnames.imports(self.tree, self.dotted):
            inner = f"{place}.{alias.name}".strip(".")
            there = (inner, "") if inner in modules else (place, alias.name)
            self.imported[alias.asname or alias.name] = there
        for module, _ in list(self.imported.values()):
            if module in modules:
                modules[module].resolve(modules)
        stored = Counter(
            node.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], self.value(statement.value, modules)
                if isinstance(target, ast.Name) and stored[target.id] == 1 and value is not None:
                    self.constants[target.id] = value

    def value(self, node: ast.AST, modules: dict[str, "Module"]) -> Value | None:
        """What an expression of constants is worth, or None."""
        match node:
            case ast.Constant(value=int() | str() | bytes() as value):
                return value
            case ast.Name(id=name):
                if name in self.constants:
                    return self.constants[name]
                return _exported(*self.imported.get(name, ("", "")), modules)
            case ast.Attribute(value=ast.Name(id=alias), attr=name):
                module, inside = self.imported.get(alias, ("", "?"))
                return None if inside else _exported(module, name, modules)
            case ast.Call(func=ast.Name(id="const"), args=[inner]):
                return self.value(inner, modules)
            case ast.Call(func=ast.Attribute(attr="calcsize"), args=[inner]):
                layout = self.value(inner, modules)
                return struct.calcsize(layout) if isinstance(layout, str) else None
            case ast.UnaryOp(op=ast.USub() | ast.Invert()):
                number = self.value(node.operand, modules)
                if isinstance(number, int):
                    return -number if isinstance(node.op, ast.USub) else ~number
            case ast.BinOp() if type(node.op) in _FOLD:
                left, right = self.value(node.left, modules), self.value(node.right, modules)
                if isinstance(left, int) and isinstance(right, int):
                    return _FOLD[type(node.op)](left, right)
        return None

    def inline(self, modules: dict[str, "Module"], once: Iterable[str] = ()) -> None:
        """Put literals where the names of integer constants were, and those of texts that are
        said `once`; forget compat.py.

        What else it offers are words that MicroPython's compiler knows.
        """
        self.tree = _Inline(self, modules, set(once)).visit(self.tree)
        self.tree.body = [
            node for node in self.tree.body if shortnames.origin(node, self.dotted) != "compat"
        ]


def _exported(module: str, name: str, modules: dict[str, Module]) -> Value | None:
    """The constant `name` of another file, or None."""
    if module == "compat":
        return KNOWN.get(name)
    return modules[module].constants.get(name) if name and module in modules else None


class _Inline(ast.NodeTransformer):
    """Integer constants become literals, and choices between constants are made."""

    def __init__(self, module: Module, modules: dict[str, Module], once: set[str]):
        self.module, self.modules, self.once = module, modules, once
        self.hidden: list[set[str]] = []  # names that are a function's own

    def visit_FunctionDef(self, node):
        self.hidden.append(shortnames.own(node))
        self.generic_visit(node)
        self.hidden.pop()
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store) or any(node.id in names for names in self.hidden):
            return node
        return self._literal(node)

    def visit_Attribute(self, node):
        made = self._literal(node) if isinstance(node.ctx, ast.Load) else node
        return self.generic_visit(node) if made is node else made

    def visit_Call(self, node):
        made = self._literal(node)
        if made is node:
            self.generic_visit(node)
            if isinstance(node.func, ast.Name) and node.func.id == "const":
                return node.args[0]
        return made

    def visit_IfExp(self, node):
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node):
        self.generic_visit(node)
        match node.test:
            case ast.BoolOp(op=ast.And(), values=[ast.Constant(value=False), *_]):
                return node.orelse or None
        return node

    def _literal(self, node):
        value = self.module.value(node, self.modules)
        text = isinstance(node, ast.Name | ast.Attribute) and _last(node) in self.once
        return ast.Constant(value) if isinstance(value, int) or (text and value) else node


def _last(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _once(modules: dict[str, Module]) -> set[str]:
    """The names that are asked for in one place only."""
    asked: Counter[str] = Counter()
    for node in (node for module in modules.values() for node in ast.walk(module.tree)):
        if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Store):
            asked[_last(node)] += 1
    return {name for name, n in asked.items() if n == 1}


def _flatten(trees: Iterable[ast.Module]) -> None:
    """Make one class of two where a class is the base of one other and nothing else."""
    said: Counter[str] = Counter()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Name | ast.alias):
            said[node.id if isinstance(node, ast.Name) else node.name] += 1
    for tree in trees:
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for child in classes.values():
            asks = any(isinstance(n, ast.Name) and n.id == "super" for n in ast.walk(child))
            match child.bases:
                case [ast.Name(id=name)] if name in classes and said[name] == 1 and not asks:
                    child.bases, child.body = [], classes[name].body + child.body
                    tree.body.remove(classes[name])


def _reached(modules: dict[str, Module]) -> list[str]:
    """The files that the start-up code imports, those that they import, and so on."""
    reached, todo = set(), {"main", ""}
    while todo:
        reached |= todo
        trees = [modules[dotted] for dotted in todo]
        todo = set()
        for module in trees:
            for place, alias in shortnames.imports(module.tree, module.dotted):
                inner = f"{place}.{alias.name}".strip(".")
                todo |= {place, inner, place.rpartition(".")[0]}
        todo = (todo & set(modules)) - reached
    return sorted(reached)
