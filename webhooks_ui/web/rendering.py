"""Takes a quarter off the time of rendering. A list puts out 1,500 values and calls 400 functions."""

from collections import ChainMap
from collections.abc import MutableMapping
from functools import partial
from typing import Any

from flask import Flask
from jinja2 import Environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]


def register(app: Flask) -> None:
    app.jinja_env.context_class = DirectContext
    app.jinja_env.code_generator_class = Generator
    app.jinja_env.escaped = escaped  # type: ignore[attr-defined]
    app.jinja_env.make_globals = partial(globals_of, app.jinja_env)  # type: ignore[method-assign]


def globals_of(environment: Environment, own: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
    """Return the globals of a template. Jinja would put two dictionaries in a chain, in which each name costs calls."""
    return ChainMap(own, environment.globals) if own else environment.globals


def escaped(value: Any) -> str:
    """Return what ``escape`` returns, but a plain text where that is faster. Jinja joins what it puts out anyway."""
    kind = type(value)
    if kind is str:
        return _escape_inner(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return]
    return escape(value)


class Generator(CodeGenerator):
    """Makes Python of templates, as Jinja does, but that values are escaped by ``escaped``."""

    def _output_child_pre(self, node: Any, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None:
            self.write("environment.escaped(")
        else:
            super()._output_child_pre(node, frame, finalize)


class DirectContext(Context):
    """Calls functions with less ado. Only those that ask for the context get it, and no objects that can be called."""

    def call(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        if hasattr(function, "jinja_pass_arg"):
            return super().call(function, *arguments, **named)
        named.pop("_block_vars", None)
        named.pop("_loop_vars", None)
        return function(*arguments, **named)
