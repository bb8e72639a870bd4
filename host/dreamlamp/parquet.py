"""Tables as Parquet files. The one file that knows pyarrow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .extras import needs


def write(path: Path, table: Mapping[str, Sequence], about: Mapping[str, str]) -> None:
    """Write the columns of `table`; `about` becomes the file's own metadata."""
    arrow, files = needs("pyarrow", "export"), needs("pyarrow.parquet", "export")
    made = arrow.table(dict(table))
    known = {**(made.schema.metadata or {}), **about}
    files.write_table(made.replace_schema_metadata(known), path, compression="zstd")
