"""The stack's side of the AWS emulator: starts it and creates the template's resources in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

import boto3
from botocore.config import Config

from devstack.aws.template import Template
from devstack.child import SupervisedChild

ACCOUNT = "123456789012"
REGION = "eu-west-1"
BUCKET = "flamebot-local-imports"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


class Emulator:
    """A supervised emulator whose port stays the same after a restart."""

    def __init__(self, key_file: Path, log: IO[bytes]) -> None:
        """Start the process without waiting until it is ready."""
        self._child = SupervisedChild("devstack.aws.server", ["--key-file", str(key_file)], log=log)
        self.url = ""
        self.key_id = ""

    def wait_ready(self) -> None:
        """Wait until the emulator serves. Raises `ChildFailed`."""
        facts = self._child.wait_ready()
        self.url, self.key_id = facts["url"], facts["key_id"]

    def known(self, secrets: Iterable[str], table_name: str) -> dict[str, Any]:
        """Return the values of references to emulated resources: `X` for Ref, `X.Y` for GetAtt."""
        key_arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{self.key_id}"
        known = {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "CredentialsKey": self.key_id,
            "CredentialsKey.Arn": key_arn,
        }
        for queue in ("StepQueue", "StepDeadLetterQueue", "ImportQueue", "ImportDeadLetterQueue"):
            known |= {
                queue: self.queue_url(queue),
                f"{queue}.Arn": self.queue_arn(queue),
                f"{queue}.QueueName": queue,
            }
        known |= {"ImportBucket": BUCKET, "ImportBucket.Arn": f"arn:aws:s3:::{BUCKET}"}
        return known | {"LockTable": table_name} | {secret: secret for secret in secrets}

    def queue_url(self, logical_id: str) -> str:
        """Return the URL of a queue."""
        return f"{self.url}/{ACCOUNT}/{logical_id}"

    @staticmethod
    def queue_arn(logical_id: str) -> str:
        """Return the ARN of a queue."""
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{logical_id}"

    def client(self, service: str) -> Any:  # noqa: ANN401  # boto3 clients have no static type
        """Return a boto3 client of the emulator, without retries."""
        make: Any = boto3.client  # which service is known at run time only
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1, "mode": "standard"},
            ),
        )

    def provision(self, template: Template, secrets: Mapping[str, str], table_name: str) -> None:
        """Create the resources of the template in an empty emulator."""
        sqs = self.client("sqs")
        for name, attributes in template.queues().items():
            sqs.create_queue(
                QueueName=name,
                Attributes={key: value for key, value in attributes.items() if key != "QueueName"},
            )
        for properties in template.buckets().values():
            self._make_bucket(properties)
        dynamodb = self.client("dynamodb")
        for properties in template.tables().values():
            make = {
                key: properties[key]
                for key in ("AttributeDefinitions", "KeySchema", "BillingMode")
                if key in properties
            }
            dynamodb.create_table(TableName=table_name, **make)
        vault = self.client("secretsmanager")
        for name in template.secrets():
            vault.create_secret(
                Name=name, SecretString=secrets.get(name, "not set on the local stack")
            )

    def _make_bucket(self, properties: Mapping[str, Any]) -> None:
        """Create the bucket with its notifications, so that an upload invokes a function."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        notifications = properties.get("NotificationConfiguration", {})
        queues = []
        for one in notifications.get("QueueConfigurations", []):
            rules = [
                {"Name": rule["Name"], "Value": rule["Value"]}
                for rule in one["Filter"]["S3Key"]["Rules"]
            ]
            queues.append(
                {
                    "QueueArn": one["Queue"],
                    "Events": [one["Event"]],
                    "Filter": {"Key": {"FilterRules": rules}},
                }
            )
        s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": queues}
        )

    def supervise(self, template: Template, secrets: Mapping[str, str], table_name: str) -> None:
        """Restart the emulator whenever it ends, and create its resources again."""
        self._child.supervise(lambda: self.provision(template, secrets, table_name))

    def bring_forward(self, seconds: float) -> None:
        """Make every delayed message visible this many wall-clock seconds earlier."""
        with urlopen(f"{self.url}/_stack/bring-forward?{seconds}", timeout=10):  # noqa: S310  # our own child, on loopback
            pass

    @property
    def pid(self) -> int:
        """The process id of the emulator, which changes with a restart."""
        return self._child.pid

    def stop(self) -> None:
        """End the emulator. May be repeated."""
        self._child.stop()
