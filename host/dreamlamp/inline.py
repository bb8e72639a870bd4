"""Functions that are called from one place only, put into that place.

A function of its own costs the lamp's heap some 80 bytes: its code object, its entry in a class,
its name. What the sources keep apart for their reader's sake the lamp need not. It is done where
nothing else changes: a plain function or a method of the same object, called as a statement,
assigned or returned, with no early return but in the last case. Its variables become the
caller's. Coroutines and generators take none in: they would hold on to what those let go of.
Knows only what is bound where (shortnames.py); a traceback then tells of the caller.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterable

from . import shortnames

_Body = list[ast.stmt]
_INSIDE = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Import, ast.ImportFrom)
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def put_in(trees: Iterable[ast.Module]) -> None:
    """Do it in all files, until there is nothing left to do."""
    trees = list(trees)
    while True:
        said: Counter[str] = Counter()
        for node in (node for tree in trees for node in ast.walk(tree)):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                    said[name] += 1
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    said[name] += 1
        once = {name for name, n in said.items() if n == 2}  # its definition and one use
        if not sum(_fewer(scope, once) for tree in trees for scope in _scopes(tree)):
            return


def _scopes(tree: ast.Module) -> list[ast.Module | ast.ClassDef]:
    return [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]


def _fewer(scope: ast.Module | ast.ClassDef, once: set[str]) -> int:
    """Put functions of a file or a class where they are called; return how many."""
    callers: list[ast.AST] = [n for n in scope.body if isinstance(n, ast.FunctionDef)]
    if isinstance(scope, ast.Module):
        classes = [n for n in scope.body if isinstance(n, ast.ClassDef)]
        callers += [m for c in classes for m in c.body if isinstance(m, ast.FunctionDef)]
    says = {caller: set(_names(caller)) for caller in callers}  # to try but few of them
    before = len(scope.body)
    for function in [n for n in scope.body if isinstance(n, ast.FunctionDef)]:
        if function.name in once and _movable(function):
            for caller in callers:
                if caller is function or function.name not in says[caller]:
                    continue
                if _Place(function, caller, isinstance(scope, ast.ClassDef)).found():
                    scope.body.remove(function)
                    callers.remove(function)
                    says[caller] |= says[function]
                    break
    return before - len(scope.body)


def _names(caller: ast.AST) -> Iterable[str]:
    for node in ast.walk(caller):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name


def _movable(function: ast.FunctionDef) -> bool:
    """Whether a function's body means the same elsewhere."""
    a = function.args
    odd = a.defaults or a.vararg or a.kwarg or a.kwonlyargs or function.decorator_list
    outside = function.name in shortnames.DOORS | shortnames.OUTSIDE
    if odd or outside or function.name.startswith("__"):
        return False
    inner = (node for statement in function.body for node in ast.walk(statement))
    return not any(isinstance(n, (*_INSIDE, *_SCOPES, ast.FunctionDef)) for n in inner)


class _Place(ast.NodeTransformer):
    """The statement of `caller` that calls `function`."""

    def __init__(self, function: ast.FunctionDef, caller, method: bool):
        self.function, self.caller, self.method = function, caller, method
        self.done = False
        self.returns = [n for n in ast.walk(function) if isinstance(n, ast.Return)]

    def found(self) -> bool:
        """Whether there is one; then the function's body stands there."""
        inside = list(ast.walk(self.caller))
        self.theirs = shortnames.own(self.caller)
        said = {n.id for s in self.function.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        hidden = (said - shortnames.own(self.function)) & self.theirs
        if not hidden and not any(isinstance(n, ast.Yield | ast.YieldFrom) for n in inside):
            self.generic_visit(self.caller)
        return self.done

    def visit_Expr(self, node):
        last = node is self.caller.body[-1] and not any(r.value for r in self.returns)
        if self.is_it(node.value) and (last or not self.returns):
            return self.body(node.value)
        return node

    def visit_Assign(self, node):
        if self.is_it(node.value) and self.ends_with_its_only_return():
            return [*self.body(node.value)[:-1], ast.Assign(node.targets, self.last.value)]
        return node

    def visit_Return(self, node):
        if self.is_it(node.value):
            made = self.body(node.value)
            return made if isinstance(made[-1], ast.Return) else [*made, ast.Return(None)]
        return node

    def visit_FunctionDef(self, node):
        return node  # a function within one

    def is_it(self, call: ast.expr | None) -> bool:
        if not isinstance(call, ast.Call) or call.keywords:
            return False
        match call.func:
            case ast.Name(id=name) if not self.method:
                pass
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if self.method:
                pass
            case _:
                return False
        names = len(self.function.args.args) - self.method
        plain = not any(isinstance(a, ast.Starred) for a in call.args)
        return name == self.function.name and plain and len(call.args) == names

    def ends_with_its_only_return(self) -> bool:
        return len(self.returns) == 1 and self.function.body[-1] is self.returns[0]

    def body(self, call: ast.Call) -> _Body:
        """The function's statements in the caller's words."""
        self.done = True
        function = self.function
        names = [arg.arg for arg in function.args.args]
        given = ([ast.Name("self", ast.Load())] if self.method else []) + call.args
        assigned = {name for statement in function.body for name in shortnames.bound(statement)}
        words: dict[str, ast.expr] = {}
        for name, value in zip(names, given, strict=True):
            local = isinstance(value, ast.Name) and value.id in self.theirs
            if name not in assigned and (local or isinstance(value, ast.Constant)):
                words[name] = value
        others = [n for n in dict.fromkeys([*names, *sorted(assigned)]) if n not in words]
        first = sum(name.startswith("inner_") for name in self.theirs)
        words |= {n: ast.Name(f"inner_{first + i}") for i, n in enumerate(others)}
        made: _Body = [
            ast.Assign([_Words(words).visit(ast.Name(name, ast.Store()))], value)
            for name, value in zip(names, given, strict=True)
            if name in others
        ]
        statements = [_Words(words).visit(copy.deepcopy(s)) for s in function.body]
        self.last = statements[-1]
        return [*made, *statements]


class _Words(ast.NodeTransformer):
    """Puts other words for names."""

    def __init__(self, words: dict[str, ast.expr]):
        self.words = words

    def visit_Name(self, node):
        new = self.words.get(node.id, node)
        return ast.Name(new.id, node.ctx) if isinstance(new, ast.Name) else new

    def visit_ExceptHandler(self, node):
        new = self.words.get(node.name)
        node.name = new.id if isinstance(new, ast.Name) else node.name
        return self.generic_visit(node)
