"""A YAML file that a person wrote: read into a frozen model, or refused in words that tell what to change.

Every refusal names file, field, value and what is allowed. A key given twice is refused as well: YAML readers
keep the last one silently, and a threshold must not depend on where in the file it stands.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from netcadence.errors import InvalidInputError

Model = TypeVar("Model", bound=BaseModel)
#: What pydantic names after Python's types, by its kinds of error.
_STRUCTURES: Final = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}


def read(path: Path, model: type[Model]) -> Model:
    """Return the file's content as a `model`.

    Raises:
        InvalidInputError: The file cannot be read, is not YAML, or does not hold such a model; the text has
            one line for each thing that is wrong.
    """
    content = _parse(path)
    if not isinstance(content, dict):
        raise InvalidInputError(
            f"{path}: holds {_kind(content)}, not a mapping of {', '.join(_names(model))}"
        )
    return validated(content, model, source=str(path))


def validated(content: Mapping[str, Any], model: type[Model], *, source: str, at: str = "") -> Model:
    """Return a mapping as a `model`.

    Args:
        source: Where the content is from, which begins each line of a refusal, such as the file's path.
        at: The field there that holds it, dotted; empty where it is the whole.

    Raises:
        InvalidInputError: It is not such a model.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # Of a default that waits for another field, nothing is wrong but that field.
        problems = (each for each in error.errors() if each["type"] != "default_factory_not_called")
        before = f"{source}: {at}." if at else f"{source}: "
        lines = (f"{before}{_sentence(problem, model)}" for problem in problems)
        raise InvalidInputError("\n".join(lines)) from error


class RefusalError(ValueError):
    """Raised by a model's validator: a part of what it validates is not acceptable.

    Args:
        field: The part, dotted, as seen from the model.
        value: What the part is; None where it is missing.
        message: What is wrong with it, and what is allowed.
    """

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


def closest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the first of `known` that begins with `word`, or one like it."""
    names = {each.casefold(): each for each in known}
    asked = word.casefold()
    begun = [each for each in names if asked and each.startswith(asked)]
    match = begun or difflib.get_close_matches(asked, names, n=1)
    return f" (did you mean {names[match[0]]!r}?)" if match and names[match[0]] != word else ""


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, without silent overwriting of keys."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the base's signature
    ) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen and key_node.tag != "tag:yaml.org,2002:merge":
                    problem = f"the key {key_node.value!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def _parse(path: Path) -> object:
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidInputError(f"{path}: {where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise InvalidInputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error


def _kind(content: object) -> str:
    match content:
        case None:
            return "nothing"
        case list():
            return "a list"
        case _:
            return f"the single value {content!r}"


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    """Turn one of pydantic's error records into a sentence for whoever wrote the file."""
    location, kind, value = problem["loc"], problem["type"], problem["input"]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, RefusalError):
        location, value = (*location, cause.field), cause.value
    field = ".".join(str(part) for part in location)
    if kind == "missing":
        return f"{field}: is missing"
    if kind == "extra_forbidden":
        known = _names(_model_at(model, location[:-1]) or model)
        hint = closest(str(location[-1]), known)
        return f"{field}: unknown key{hint}; allowed here: {', '.join(known)}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind in _STRUCTURES:
        return f"{field}: {value!r}: allowed: {_STRUCTURES[kind]}"
    if kind in ("enum", "literal_error"):
        expected = problem["ctx"]["expected"]
        hint = closest(str(value), re.findall("'([^']*)'", expected))
        message = f"allowed: {expected}{hint}"
    return f"{field}: {message}" if value is None else f"{field}: {value!r}: {message}"


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model that `location` leads to: through fields, values of mappings, and items."""
    annotation: Any = model
    for part in location:
        nested = _nested_model(annotation)
        if nested is not None:
            named = {field.alias or name: field for name, field in nested.model_fields.items()}
            annotation = named[str(part)].annotation if str(part) in named else None
        else:
            # Of tuple[Item, ...] the item.
            arguments = [each for each in typing.get_args(annotation) if each is not Ellipsis]
            annotation = arguments[-1] if arguments else None
    return _nested_model(annotation)


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next(filter(None, map(_nested_model, typing.get_args(annotation))), None)
    return None
