"""PURE: what each controller, workload and pipeline may do in AWS, as IAM documents."""
