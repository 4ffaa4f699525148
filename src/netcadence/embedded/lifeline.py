"""The connection between a daemon and whoever started it.

On it the daemon says once that it is ready, or why it is not; and when it breaks, because the other side has
ended however that happened, the daemon ends as well, unless it was told to go on alone.
"""

from __future__ import annotations

from typing import Final

#: The daemon's descriptor of its end.
DESCRIPTOR: Final = 3
READY: Final = b"ready"
#: The longest word.
WORD_BYTES: Final = 4_096
