"""The command line that ClusterLoader2 gives its worker, as far as it concerns the traffic.

Arguments about logging are its worker's own business and are passed over. Further arguments of iperf become
typed options, so that nothing else than these reaches a command line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from netcadence_worker.clusterloader import UDP_ARGUMENTS
from netcadence_worker.contract import IperfOptions
from netcadence_worker.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS: Final = {"-b": "bandwidth", "-l": "length", "-w": "window"}
_AMOUNT: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([kmgKMG]?)")
#: As iperf 2 counts them: small letters by 1000, capitals by 1024.
_FACTORS: Final = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
}


def udp_options(arguments: Sequence[str]) -> IperfOptions | None:
    """Read the options of iperf's UDP client out of a worker's arguments; None where there are none.

    Raises:
        SettingsError: They hold something else than -b, -l or -w with an amount.
    """
    given = [word.partition("=")[2] for word in arguments if word.partition("=")[0] == UDP_ARGUMENTS]
    if not given:
        return None
    words = re.findall(r"(-[a-zA-Z])\s*([^\s-]\S*)", given[-1])
    if " ".join(f"{flag}{amount}" for flag, amount in words).replace(" ", "") != "".join(given[-1].split()):
        raise _refusal(given[-1])
    try:
        return IperfOptions.model_validate({_FIELDS[flag]: _amount(text) for flag, text in words})
    except (KeyError, ValueError, ValidationError) as error:
        raise _refusal(given[-1]) from error


def udp_argument(options: IperfOptions) -> str:
    """Write options as such an argument."""
    words = [f"{flag} {value}" for flag, name in _FIELDS.items() if (value := getattr(options, name))]
    return f"{UDP_ARGUMENTS}={' '.join(words)}"


def _amount(text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return round(float(match[1]) * _FACTORS[match[2]])


def _refusal(given: str) -> SettingsError:
    return SettingsError(
        f"{UDP_ARGUMENTS}: allowed are -b, -l and -w, each with an amount such as 750M (given: {given!r})"
    )
