"""The pages that are filled in: jinja2, everything escaped that a page does not mark as safe."""

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("dreamlamp"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True,
    )  # fmt: skip


def fill(template: str, **values: Any) -> str:
    """`template` with `values`; a value that is missing is an error. `style` is the sites' own if
    not given."""
    values.setdefault("style", safe(asset("site.css")))
    return _environment().get_template(template).render(**values)


def safe(html: str):
    """HTML that was made here and needs no escaping."""
    from markupsafe import Markup

    return Markup(html)


@cache
def asset(name: str) -> str:
    """A file beside the templates, as it is."""
    return files("dreamlamp").joinpath("templates", name).read_text(encoding="utf-8")
