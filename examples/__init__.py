"""Small real models, trained in seconds on data that ships with scikit-learn or is made here."""
