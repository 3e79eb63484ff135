"""What every diffusion in discrete steps shares: schedules, sampling; and the plain DDPM."""
