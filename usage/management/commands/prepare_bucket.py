"""Creates the buckets of archive, inbox and store where they are missing."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from usage.forwarding import probe
from usage.inbox import s3 as inbox_s3
from usage.storage import archive, s3_client


class Command(BaseCommand):
    help = (
        "Creates the missing buckets of archive, inbox and store (on S3 servers of your"
        " own only), and tests what the archive's server supports. A server that"
        " refuses or does not answer is reported; the command still succeeds."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        name = settings.S3["bucket"]
        self._prepare(name, archive.prepare)
        others = [settings.INBOX_BUCKET]
        if "s3" in (settings.USAGE_STORE, settings.USAGE_STORE_FALLBACK):
            others.append(settings.USAGE_STORE_BUCKET)
        for other in sorted({*others} - {"", name}):
            self._prepare(other, partial(inbox_s3.prepare, other))
        if not settings.FORWARDING:
            self.stdout.write("Forwarding is off: the bucket is not tested.")
            return
        self._probe(name)

    def _prepare(self, name: str, prepare: Callable[[], bool]) -> None:
        if not settings.S3["endpoint_url"]:
            self.stdout.write(f"{name}: at Amazon, where buckets are made by hand.")
            return
        try:
            is_new = prepare()
        except s3_client.BucketError as error:
            # Files are received all the same, and are forwarded later.
            what = "refuses" if error.has_answered else "is away"
            self.stderr.write(f"{name}: the S3 server {what}: {error.code}")
            return
        self.stdout.write(f"{name}: {'made' if is_new else 'is there'}")

    def _probe(self, name: str) -> None:
        report = probe.probe(now=timezone.now)
        if report.problem:
            self.stderr.write(f"{name}: could not be tested ({report.problem}).")
            return
        codes = [finding["code"] for finding in report.findings]
        text = ", ".join(codes) or "it supports all that forwarding needs"
        self.stdout.write(f"{name}: tested: {text}")
