"""What a training step needs and costs on a TPU slice, told by the TPU compiler without a TPU."""
