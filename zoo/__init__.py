"""zoo: GAN papers as code, trained, scored and compared under one roof."""
