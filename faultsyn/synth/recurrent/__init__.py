"""The parts of TimeGAN: recurrent networks, their losses, their three phases of training."""
