from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from usage import bucket


class Command(BaseCommand):
    help = "Makes the S3 bucket if it is not there; only on an S3 server of your own."

    def handle(self, *_args: Any, **_options: Any) -> None:
        name = settings.S3["bucket"]
        if not settings.S3["endpoint_url"]:
            self.stdout.write(f"{name}: at Amazon, where buckets are made by hand.")
            return
        try:
            is_new = bucket.prepare()
        except bucket.BucketError as error:
            message = f"The S3 server refuses {name}: {error.code}"
            raise CommandError(message) from error
        self.stdout.write(f"{name}: {'made' if is_new else 'is there'}")
