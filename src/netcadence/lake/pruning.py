"""Which row groups of a file hold nothing but wanted rows, by their statistics: those need not be sifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

#: Texts that a column may have in a wanted row, in which None stands for null; None alone for any text.
Allowed = Mapping[str, frozenset[str | None] | None]


@dataclass(frozen=True, slots=True)
class RowGroups:
    """The row groups of a file by what is in them; those without a wanted row are in neither.

    Attributes:
        whole: All of their rows are wanted.
        mixed: Some of their rows may be.
    """

    whole: tuple[int, ...]
    mixed: tuple[int, ...]

    @classmethod
    def of(cls, fragment: ds.ParquetFileFragment, allowed: Allowed) -> RowGroups:
        """Sort a file's row groups; a column that it does not have is null in all of its rows."""
        found: dict[bool | None, list[int]] = {True: [], False: [], None: []}
        metadata = fragment.metadata
        columns = {name: fragment.physical_schema.get_field_index(name) for name in allowed}
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            answers = [
                (values is not None and None in values)
                if columns[name] < 0
                else _all(group, columns[name], name, values)
                for name, values in allowed.items()
            ]
            answer = False if False in answers else None if None in answers else True
            found[answer].append(index)
        return cls(tuple(found[True]), tuple(found[None]))


def condition_on(allowed: Allowed) -> ds.Expression:
    """Return what rows have to meet that are sifted."""
    condition = ds.scalar(True)  # noqa: FBT003 - a constant
    for name, values in allowed.items():
        column = ds.field(name)
        if values is None:
            condition &= column.is_valid()
            continue
        texts = column.isin(pa.array(sorted(value for value in values if value is not None), pa.string()))
        condition &= texts if None not in values else column.is_null() | texts
    return condition


def _all(
    group: pq.RowGroupMetaData, place: int, name: str, values: frozenset[str | None] | None
) -> bool | None:
    """Tell whether all rows, none of them, or (None) perhaps some have one of the values."""
    column = _column(group, place, name)
    told = column.statistics if column is not None else None
    if told is None or not told.has_null_count:
        return None
    if values is None:
        return {0: True, group.num_rows: False}.get(told.null_count)
    if told.null_count == group.num_rows:
        return None in values
    if not told.has_min_max:
        return None
    texts = [value for value in values if value is not None]
    if told.min == told.max and told.min in values:
        return True if told.null_count == 0 or None in values else None
    possible = any(told.min <= text <= told.max for text in texts) or (told.null_count > 0 and None in values)
    return None if possible else False


def _column(group: pq.RowGroupMetaData, place: int, name: str) -> pq.ColumnChunkMetaData | None:
    """Find a column among the leaves, which nested columns before it may have moved further back."""
    for index in range(place, group.num_columns):
        column = group.column(index)
        if column.path_in_schema == name:
            return column
    return None
