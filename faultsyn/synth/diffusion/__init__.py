"""Diffusion models of fault windows: preconditioning and sampler, networks, adapters."""
