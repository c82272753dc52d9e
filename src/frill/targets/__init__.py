"""What students learn to reproduce: the teacher's outputs for windows, projected."""
