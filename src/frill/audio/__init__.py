"""Audio: files of any format to samples, clips and log-mel windows."""
