"""From what people have on disk to zips that training reads."""
