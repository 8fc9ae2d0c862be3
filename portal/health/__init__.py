"""Whether the installation works: readiness, metrics, invariants, failpoints."""
