"""What the program of the AWS stacks costs: to import, to preview, to deploy."""
