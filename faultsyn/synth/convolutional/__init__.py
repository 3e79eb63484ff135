"""Convolutional blocks that the adversarial and the autoencoding generators are built from."""
