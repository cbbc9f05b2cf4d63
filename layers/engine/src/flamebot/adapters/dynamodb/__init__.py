"""The account lock on DynamoDB."""
