"""Networks: generator G, encoder E and joint discriminator D. Nothing here knows of training."""
