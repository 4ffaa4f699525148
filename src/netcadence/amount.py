"""Amounts of bits and bytes as people write and read them: 100M, 2.5G; decimal, as networks count."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

_WRITTEN: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([kKMGTP]?)")
_FACTORS: Final = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_PREFIXES: Final = ("", "k", "M", "G", "T", "P")
_STEP: Final = 1_000


def parse(value: object) -> object:
    """Turn a text such as `100M` into its number; what is no such text is returned as it is, to be judged.

    Raises:
        ValueError: The text is no amount.
    """
    if not isinstance(value, str):
        return value
    match = _WRITTEN.fullmatch(value.strip())
    if match is None:
        raise ValueError("is no amount; allowed: a number, also with k, M, G, T or P, such as 100M")
    number, prefix = match.groups()
    return round(float(number) * _FACTORS[prefix]) if "." in number else int(number) * _FACTORS[prefix]


#: An amount in a file or on the command line.
Amount = Annotated[int, BeforeValidator(parse), Field(ge=1, le=10**18)]


def in_words(amount: int, unit: str) -> str:
    """Return an amount with the largest prefix that fits, all digits that it has up to three decimals kept.

    >>> in_words(62_500_000, "B")
    '62.5 MB'
    """
    scaled, step = float(amount), 0
    while scaled >= _STEP and step < len(_PREFIXES) - 1:
        scaled /= _STEP
        step += 1
    return f"{scaled:.3f}".rstrip("0").rstrip(".") + f" {_PREFIXES[step]}{unit}"
