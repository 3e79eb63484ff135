"""The parts of the faithful FaultDiffusion: Diffusion-TS as a trunk, and difference adapters."""
