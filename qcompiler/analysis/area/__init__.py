"""What hardware takes of a device, estimated from its registers and wires."""
