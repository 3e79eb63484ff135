"""Autoencoders whose codes follow a known distribution: variational and adversarial ones."""
