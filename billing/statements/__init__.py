"""Computes, stores, issues and serves statements of a tenant's usage."""
