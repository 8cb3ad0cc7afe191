"""What Prometheus records and when it calls somebody, derived from contracts alone."""
