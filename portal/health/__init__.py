"""Health of the installation: readiness, metrics, invariants and failpoints."""
