"""The names of a file of the firmware in the order in which they cost least.

A compiled file numbers its names as it meets them, and refers to one by its number: in one byte
below 128, in two from there on. So a large file first says its commonest names, where nothing runs
and the compiler leaves nothing of it but their numbers. Knows .mpy version 6.
"""

import ast
import keyword
from collections import Counter

from . import shortnames

SHORT = 128  # numbers of one byte; the first is the file's own name
_CLASS = ("__module__", "__name__", "__qualname__")  # what each class says


def put_in(tree: ast.Module) -> None:
    """Begin the file with its commonest names, if it has more than there are short numbers."""
    said = _count(tree)
    if len(said) < SHORT:
        return
    common = [name for name, _ in said.most_common(SHORT - 1)]
    after_jump = ast.parse(f"while True:\n break\n None.{'.'.join(common)}")
    tree.body = after_jump.body + tree.body


def _count(tree: ast.Module) -> Counter[str]:
    """How often the compiled file refers to each name; a function's own variables have none."""
    said: Counter[str] = Counter()

    def visit(node: ast.AST, hidden: set[str]) -> None:
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str() as name):
                said[name] += 1
            case ast.Name(id=name) if name not in hidden:
                said[name] += 1
            case ast.Constant(value=str() as name) if name.isidentifier():
                said[name] += 1
            case ast.alias(name=name, asname=other):
                said.update({name, other or name})
            case ast.ClassDef(name=name):
                said.update([name, name, name, *_CLASS])
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                said.update([node.name] * (1 if node.name in hidden else 2))
                if "viper" in map(_last_word, node.decorator_list):
                    return  # machine code
                said.update(arg.arg for arg in node.args.args)
                hidden = hidden | shortnames.own(node)
        for child in ast.iter_child_nodes(node):
            visit(child, hidden)

    visit(tree, set())
    return Counter({n: count for n, count in said.items() if not keyword.iskeyword(n)})


def _last_word(decorator: ast.expr) -> str:
    return decorator.attr if isinstance(decorator, ast.Attribute) else ""
