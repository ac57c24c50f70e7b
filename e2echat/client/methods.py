"""What an account can be asked, read off the signatures of ``Account``: names, parameters and results with their types.

In the process that owns the profile a method runs; in another one it travels as JSON, checked against the same types.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

from e2echat.client.values import from_json
from e2echat.errors import MalformedError

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Method:
    """One method. ``parameters`` and ``result`` are type hints; ``required``: the parameters without a default."""

    name: str
    parameters: Mapping[str, Any]
    required: frozenset[str]
    result: Any
    summary: str

    def arguments(self, params: object) -> dict[str, Any]:
        """The typed arguments that ``params`` stands for.

        Raises:
            MalformedError: one is unknown, missing, or not of its type.
        """
        if not isinstance(params, dict):
            raise MalformedError("params is an object of named arguments")
        if unknown := params.keys() - self.parameters.keys():
            raise MalformedError(f"{self.name} takes no {min(unknown)}")
        if missing := self.required - params.keys():
            raise MalformedError(f"{self.name} needs {min(missing)}")
        return {name: from_json(self.parameters[name], value, name) for name, value in params.items()}


_FUNCTIONS: dict[str, Callable[..., object]] = {}


def served(function: Function) -> Function:
    """Mark a method of ``Account`` as one that other processes may call, too."""
    _FUNCTIONS[function.__name__] = function
    return function


def served_names() -> frozenset[str]:
    """Every method there is."""
    return frozenset(_FUNCTIONS)


@cache
def served_method(name: str) -> Method:
    """The method of that name; KeyError if there is none."""
    return method_of(_FUNCTIONS[name])


def method_of(function: Callable[..., Any]) -> Method:
    """What a function's signature says; parameters without a type hint are not the caller's."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    parameters = inspect.signature(function).parameters
    required = {name for name in hints if parameters[name].default is inspect.Parameter.empty}
    summary = (function.__doc__ or "").partition("\n")[0]
    return Method(function.__name__, hints, frozenset(required), result, summary)
