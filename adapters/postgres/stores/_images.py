"""SQL fragments of before-images: the columns of a row that a job changed as JSON, those it created as a digest."""

from collections.abc import Callable, Sequence


def image(row: str, columns: Sequence[str], when: Callable[[str], str]) -> str:
    """An expression for a jsonb object of those columns of `row` for which `when(column)` holds.

    Text is put together and parsed once: concatenating jsonb objects column by column took five times as long.
    """
    members = (
        f"CASE WHEN {when(column)} THEN '\"{column}\":' || coalesce(to_json({row}.{column})::text, 'null') END"
        for column in columns
    )
    return f"('{{' || concat_ws(',', {', '.join(members)}) || '}}')::jsonb"


def created_image(row: str, columns: Sequence[str]) -> str:
    """What a job gave a row that it created: every column that is not null."""
    return image(row, columns, lambda column: f"{row}.{column} IS NOT NULL")


def digest(row: str, columns: Sequence[str]) -> str:
    """An expression for 64 bits that stand for these columns of `row`.

    They are PostgreSQL's own, which another major version may compute differently: then what a job created before
    counts as changed since, and stays.
    """
    return f"hash_record_extended(ROW({', '.join(f'{row}.{column}' for column in columns)}), 0)"


def changed_image(row: str, columns: Sequence[str]) -> str:
    """The columns in which `old` and `new` of an UPDATE differ, as they are in `row` (`old` or `new`)."""
    return image(row, columns, lambda column: f"old.{column} IS DISTINCT FROM new.{column}")


def kept(subject: str, changed: str, *, before: str) -> str:
    """A common table expression that keeps an image of every row of the expression `changed` (id, before, after)."""
    return (
        "INSERT INTO before_images (tenant_id, job_id, subject, row_id, chunk, before, after)"  # noqa: S608  our own names
        f" SELECT :tenant_id, :job_id, '{subject}', id, :chunk, {before}, after FROM {changed}"
    )
