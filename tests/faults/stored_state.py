"""Reads a portal's rows, files and objects directly, as the owner of the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

Row = dict[str, Any]

FILES: LiteralString = """
select f.id::text, t.number as tenant, f.state, encode(f.sha256, 'hex') as sha256,
       f.stored_as, f.bytes_removed_at is not null as is_removed,
       s.state as settling, w.state as forwarding, w.key
from usage_usagefile f
join portal_tenant t on t.id = f.tenant_id
left join usage_settling s on s.file_id = f.id
left join usage_forwarding w on w.file_id = f.id
"""

MARKS: LiteralString = "select id from billing_summarymark"

AUDIT: LiteralString = """
select t.number as tenant, a.number, a.act, a.subject, a.digest, a.previous
from portal_auditentry a join portal_tenant t on t.id = a.tenant_id
order by t.number, a.number
"""

# Every table of work, also those that are added later.
WORK: LiteralString = """
select table_name as name from information_schema.columns
where table_schema = 'public' and column_name in ('lease', 'leased_until', 'due_at')
group by table_name having count(*) = 3
"""

PASS: LiteralString = """
update {} set due_at = least(due_at, now()), leased_until = least(leased_until, now())
where state = 'waiting'
"""

# Rows that wait as long as they are there.
WITHOUT_STATE = ("billing_summarymark", "billing_statementmark", "portal_accountmail")

DUE: LiteralString = """
update {} set due_at = least(due_at, now()), leased_until = null
"""


@dataclass(frozen=True)
class StoredState:
    """Where rows, bytes and objects are; `s3` as in the product's settings.

    `store` is the bucket and prefix that the stored bytes are in, None for the folder.
    """

    owner_url: str
    folder: Path
    s3: Mapping[str, str]
    store: tuple[str, str] | None = None

    @cached_property
    def _store(self) -> "S3Client":
        return boto3.client(
            "s3",
            region_name=self.s3["region"],
            endpoint_url=self.s3["endpoint_url"],
            aws_access_key_id=self.s3["access_key_id"],
            aws_secret_access_key=self.s3["secret_access_key"],
            config=Config(signature_version="s3v4"),
        )

    def rows(self, statement: LiteralString) -> list[Row]:
        with psycopg.connect(self.owner_url, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()

    def is_answering(self) -> bool:
        """Return whether database and S3 answer."""
        try:
            self.rows("select 1")
            self._store.head_bucket(Bucket=self.s3["bucket"])
        except (psycopg.OperationalError, BotoCoreError, ClientError):
            return False
        return True

    def let_time_pass(self) -> None:
        """Make all that waits due and end every lease, as time would."""
        tables = {row["name"] for row in self.rows(WORK)} - {*WITHOUT_STATE}
        with psycopg.connect(self.owner_url) as connection:
            for table in tables:
                connection.execute(sql.SQL(PASS).format(sql.Identifier(table)))
            for table in WITHOUT_STATE:
                connection.execute(sql.SQL(DUE).format(sql.Identifier(table)))

    def let_years_pass(self) -> None:
        """Make everything that is confirmed old enough for its bytes to go."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(
                "update usage_forwarding set ended_at = ended_at - interval '3 years'"
                " where state = 'done' and ended_at > now() - interval '1 year'"
            )
            connection.execute(
                "update usage_usagefile"
                " set settled_at = settled_at - interval '3 years'"
                " where state = 'accepted' and settled_at > now() - interval '1 year'"
            )

    def waiting(self) -> int:
        """Count the pieces of work that are not done."""
        return sum(
            "waiting" in (row["settling"], row["forwarding"])
            for row in self.rows(FILES)
        ) + len(self.rows(MARKS))

    def objects(self, prefix: str) -> set[str]:
        """Return every key below a prefix."""
        pages = self._store.get_paginator("list_objects_v2").paginate(
            Bucket=self.s3["bucket"], Prefix=self.s3.get("prefix", "") + prefix
        )
        return {found["Key"] for page in pages for found in page.get("Contents", ())}

    def stored_names(self, *folders: str) -> set[str]:
        """Return the name of everything that is stored below some folders."""
        if self.store is None:
            found = (path for one in folders for path in (self.folder / one).rglob("*"))
            return {
                path.relative_to(self.folder).as_posix()
                for path in found
                if path.is_file()
            }
        bucket, prefix = self.store
        pages = self._store.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix
        )
        keys = (found["Key"] for page in pages for found in page.get("Contents", ()))
        names = {key.removeprefix(prefix) for key in keys}
        return {name for name in names if name.split("/")[0] in folders}

    def stored_bytes(self, name: str) -> bytes:
        if self.store is None:
            return (self.folder / name).read_bytes()
        bucket, prefix = self.store
        found = self._store.get_object(Bucket=bucket, Key=f"{prefix}{name}")
        return found["Body"].read()

    @property
    def inbox_prefix(self) -> str:
        """What the keys of all inboxes begin with: beside what is forwarded."""
        return f"inbox-{self.s3['prefix']}"

    def put_into_inbox(self, number: str, name: str, data: bytes) -> None:
        """Leave a file in a tenant's inbox, as its servers do."""
        key = f"{self.inbox_prefix}{number}/{name}"
        self._store.put_object(Bucket=self.s3["bucket"], Key=key, Body=data)

    def lose(self, sha256: str) -> None:
        """Let S3 lose the file of a content, as somebody who cleans up would."""
        for key in self.objects(""):
            if sha256 in key:
                self._store.delete_object(Bucket=self.s3["bucket"], Key=key)

    def fetch(self, key: str) -> bytes:
        return self._store.get_object(Bucket=self.s3["bucket"], Key=key)["Body"].read()
