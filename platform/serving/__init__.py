"""GPU inference on EKS, every model version promoted by evidence."""
