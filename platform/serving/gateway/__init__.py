"""What an Envoy is told so that it serves models, derived from contracts, releases and tenants."""
