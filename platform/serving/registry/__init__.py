"""Artifacts of model versions: published once, never changed, verified before they are served."""
