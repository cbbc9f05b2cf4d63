"""The protocol of CloudFormation's custom resources, for the function that runs on deploy."""
