"""How well detectors find real interference, on episodes recorded once."""
