"""A discrete-event test bench that runs the `fiscal` engine in virtual time."""
