"""What the study measures beyond the parts themselves, one experiment a module."""
