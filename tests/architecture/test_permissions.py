"""Each function's permissions on AWS are exactly those that it needs."""

from __future__ import annotations

from typing import Any

STEP_QUEUE, DEAD_LETTERS, IMPORT_QUEUE = (
    "StepQueue.Arn",
    "StepDeadLetterQueue.Arn",
    "ImportQueue.Arn",
)
ALLOWED: dict[str, dict[str, set[str]]] = {  # function -> resource -> actions
    "import_accounts": {
        "ImportAccountsLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_import": {"rds-db:connect"},
        STEP_QUEUE: {"sqs:SendMessage"},
        "CredentialsKey.Arn": {"kms:GenerateDataKey"},  # encrypts; cannot decrypt
    },
    "import_file": {
        "ImportFileLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_import_file": {"rds-db:connect"},
        STEP_QUEUE: {"sqs:SendMessage"},
        IMPORT_QUEUE: {
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
        },
        "ImportBucket.Arn": {"s3:ListBucket"},
        "${ImportBucket.Arn}/imports/*": {"s3:GetObject", "s3:DeleteObject"},
        "CredentialsKey.Arn": {
            "kms:GenerateDataKey",
            "kms:Decrypt",
        },  # decrypts files, not credentials: see below
    },
    "api": {
        "ApiLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_api": {"rds-db:connect"},
        STEP_QUEUE: {"sqs:SendMessage", "sqs:GetQueueAttributes"},
        DEAD_LETTERS: {"sqs:GetQueueAttributes"},  # counts messages, reads none
        "LockTable.Arn": {"dynamodb:DescribeTable"},
        "${ImportBucket.Arn}/imports/*": {"s3:PutObject"},  # for the presigned URLs that it returns
        "CredentialsKey.Arn": {"kms:GenerateDataKey"},  # for the bucket only: see below
        IMPORT_QUEUE: {"sqs:SendMessage"},
    },
    "tick": {
        "TickLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_tick": {"rds-db:connect"},
        STEP_QUEUE: {"sqs:SendMessage"},
    },
    "step": {
        "StepLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_step": {"rds-db:connect"},
        STEP_QUEUE: {
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
        },
        "LockTable.Arn": {"dynamodb:UpdateItem", "dynamodb:DeleteItem"},
        "CredentialsKey.Arn": {"kms:Decrypt"},  # the only function that can decrypt credentials
        "ActionsTokenSecret": {"secretsmanager:GetSecretValue"},
        "OpenAiSecret": {"secretsmanager:GetSecretValue"},
    },
    "maintenance": {
        "MaintenanceLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "database as flamebot_maintenance": {"rds-db:connect"},
        IMPORT_QUEUE: {"sqs:SendMessage"},
        STEP_QUEUE: {"sqs:GetQueueAttributes"},
        DEAD_LETTERS: {"sqs:GetQueueAttributes"},
        "LockTable.Arn": {"dynamodb:DescribeTable"},
    },
    "migrate": {
        "MigrateLogGroup.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "Database.MasterUserSecret.SecretArn": {"secretsmanager:GetSecretValue"},
    },
}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(resource: Any) -> str:
    """Return a statement's resource as text. Fails for a pattern."""
    if "Fn::GetAtt" in resource:
        return ".".join(resource["Fn::GetAtt"])
    if "Ref" in resource:
        return str(resource["Ref"])
    if isinstance(resource["Fn::Sub"], str):
        assert resource["Fn::Sub"] == "${ImportBucket.Arn}/imports/*", (
            "the one pattern: files by import"
        )
        return str(resource["Fn::Sub"])
    text, values = resource["Fn::Sub"]
    prefix = "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:dbuser:${Server}/"
    assert text.startswith(prefix)
    assert values["Server"]["Fn::If"][0] == "WithProxy"
    return f"database as {text.removeprefix(prefix)}"


def test_each_role_has_exactly_the_rights_that_its_function_uses(
    resources: dict[str, Any], functions: dict[str, Any]
) -> None:
    """Roles have these actions and resources, no pattern, and no policy but the network's."""
    for name, properties in functions.items():
        role = resources[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        assert role["ManagedPolicyArns"] == [{"Ref": "NetworkPolicy"}], name
        found: dict[str, set[str]] = {}
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for resource in _list(statement["Resource"]):
                    found.setdefault(_named(resource), set()).update(_list(statement["Action"]))
        assert found == ALLOWED[name], name


def test_a_role_can_be_taken_by_lambda_alone(
    resources: dict[str, Any], functions: dict[str, Any]
) -> None:
    """Only Lambda may assume the functions' roles."""
    for properties in functions.values():
        role = resources[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


def test_the_network_policy_is_the_only_pattern(resources: dict[str, Any]) -> None:
    """The shared policy is about network interfaces only; Describe calls need any resource."""
    first, second = resources["NetworkPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert all(
        action.startswith("ec2:") and "*" not in action
        for action in first["Action"] + second["Action"]
    )
    assert (
        first["Resource"]["Fn::Sub"]
        == "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"
    )
    assert second == {
        "Effect": "Allow",
        "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
        "Resource": "*",
    }
    policies = [
        name
        for name, resource in resources.items()
        if resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}
    ]
    assert policies == ["NetworkPolicy"]


def test_the_proxy_may_connect_as_the_functions_users_only(resources: dict[str, Any]) -> None:
    """The proxy accepts the functions' roles, not the owner of the tables."""
    (policy,) = resources["ProxyRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    users = {resource["Fn::Sub"].rsplit("/", 1)[1] for resource in statement["Resource"]}
    assert statement["Action"] == "rds-db:connect"
    assert users == {
        f"flamebot_{name}"
        for name in ("import", "import_file", "api", "tick", "step", "maintenance")
    }


def test_files_and_credentials_lie_under_one_key_and_each_is_opened_by_its_own(
    resources: dict[str, Any],
) -> None:
    """The import worker decrypts files through S3 only, not stored credentials."""
    files = {
        "kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"},
        "kms:EncryptionContext:aws:s3:arn": {"Fn::GetAtt": ["ImportBucket", "Arn"]},
    }
    found = {}
    for role in ("ImportFileRole", "ApiRole"):
        for policy in resources[role]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if str(statement["Action"]).startswith("kms:"):
                    found[role, statement["Action"]] = statement["Condition"]["StringEquals"]
    assert found == {
        ("ImportFileRole", "kms:GenerateDataKey"): {
            "kms:EncryptionContext:purpose": "flamebot-credentials"
        },
        ("ImportFileRole", "kms:Decrypt"): files,
        ("ApiRole", "kms:GenerateDataKey"): files,
    }


def test_the_bucket_is_private_encrypted_and_short_lived(resources: dict[str, Any]) -> None:
    """The bucket is private, encrypted, TLS-only and short-lived; only it may notify the queue."""
    bucket = resources["ImportBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["BucketKeyEnabled"] is True, (
        "else the context would be the file, and the roles' conditions would not hold"
    )
    assert encryption["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Fn::GetAtt": ["CredentialsKey", "Arn"]},
    }
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    (denied,) = resources["ImportBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Principal"], denied["Condition"]) == (
        "Deny",
        "*",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    (queue,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert queue["Queue"] == {"Fn::GetAtt": ["ImportQueue", "Arn"]}
    (allowed,) = resources["ImportQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (allowed["Principal"], allowed["Action"]) == (
        {"Service": "s3.amazonaws.com"},
        "sqs:SendMessage",
    )
    name = bucket["BucketName"]["Fn::Sub"]
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"] == {
        "Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"
    }
    assert resources["ImportBucket"]["DependsOn"] == "ImportQueuePolicy"


def test_the_credentials_key_outlives_the_stack(resources: dict[str, Any]) -> None:
    """The key outlives the stack and rotates; IAM policies control its use."""
    key = resources["CredentialsKey"]
    assert key["DeletionPolicy"] == key["UpdateReplacePolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True
    (statement,) = key["Properties"]["KeyPolicy"]["Statement"]
    assert statement["Principal"] == {
        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    }
