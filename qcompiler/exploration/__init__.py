"""Explores designs: many models, options and devices, on one machine or a cluster, in one store."""
